// SPDX-License-Identifier: Apache-2.0
#include "host/target_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

namespace loopstall::host {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using base::UniqueFd;

/// Turns an O_PATH descriptor into a readable one. In between the file's kind is checked, because
/// opening a FIFO or a device can block or act.
Result<TargetFile> reopen_regular(UniqueFd where, std::string name) {
  struct stat status {};
  if (::fstat(where.get(), &status) != 0) {
    return fail(ErrorKind::target, "cannot examine {}: {}", name, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::target, "{} is no regular file", name);
  const std::string self = fmt::format("/proc/self/fd/{}", where.get());
  UniqueFd fd(::open(self.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(ErrorKind::target, "cannot open {}: {}", name, std::strerror(errno));
  FileIdentity identity;
  identity.device = status.st_dev;
  identity.inode = status.st_ino;
  identity.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
  identity.size = static_cast<uint64_t>(status.st_size);
  return TargetFile{std::move(fd), identity, std::move(name)};
}

/// For the kernel's own links (exe, map_files), which lead to the file itself, not to a name.
Result<TargetFile> open_kernel_link(std::string path) {
  UniqueFd where(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!where) return fail(ErrorKind::target, "cannot open {}: {}", path, std::strerror(errno));
  return reopen_regular(std::move(where), std::move(path));
}

/// What was changed to by chroot(2) alone is mapped by its whole path, its root's own in front: the
/// path below that. Empty where it is not in front.
std::string path_below_root(const Procfs& procfs, pid_t pid, const std::string& path) {
  std::error_code error;
  const std::string root = std::filesystem::read_symlink(procfs.path(pid, "root"), error).string();
  const bool is_below = !error && path.starts_with(root + "/");
  return is_below ? path.substr(root.size()) : std::string();
}

/// By a path, if it names the mapped inode.
std::optional<TargetFile> open_if_mapped(const Procfs& procfs, pid_t pid, const std::string& path,
                                         const Mapping& mapping) {
  if (path.empty()) return std::nullopt;
  auto file = open_in_root(procfs, pid, path);
  if (!file || file->identity.inode != mapping.inode) return std::nullopt;
  return std::move(*file);
}

}  // namespace

Result<TargetFile> open_in_root(const Procfs& procfs, pid_t pid, std::string_view path) {
  const std::string root_path = procfs.path(pid, "root");
  const UniqueFd root(::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail(ErrorKind::target, "cannot open {}: {}", root_path, std::strerror(errno));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  // Without this an absolute symbolic link would lead out of a container into the agent's root.
  how.resolve = RESOLVE_IN_ROOT;
  const std::string name(path);
  UniqueFd where(
      static_cast<int>(::syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof how)));
  if (!where) {
    return fail(ErrorKind::target, "cannot open {} of process {}: {}", name, pid,
                std::strerror(errno));
  }
  return reopen_regular(std::move(where), fmt::format("{} of process {}", name, pid));
}

Result<TargetFile> open_exe(const Procfs& procfs, pid_t pid) {
  return open_kernel_link(procfs.path(pid, "exe"));
}

Result<TargetFile> open_mapped(const Procfs& procfs, pid_t pid, const Mapping& mapping) {
  if (!mapping.deleted && mapping.path.starts_with('/')) {
    if (auto file = open_if_mapped(procfs, pid, mapping.path, mapping)) return std::move(*file);
    const std::string below = path_below_root(procfs, pid, mapping.path);
    if (auto file = open_if_mapped(procfs, pid, below, mapping)) return std::move(*file);
  }
  return open_kernel_link(
      procfs.path(pid, fmt::format("map_files/{:x}-{:x}", mapping.start, mapping.end)));
}

}  // namespace loopstall::host
