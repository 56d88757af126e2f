// SPDX-License-Identifier: Apache-2.0
#include "stacks/rooted_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/unique_fd.h"

namespace loopstall::stacks {
namespace {

constexpr std::size_t kMaxFolderEntries = 20'000;

// O_PATH: whatever the target put there, looking at it opens no device and waits for no FIFO.
base::UniqueFd locate(const std::string& root, const std::string& path) {
  const base::UniqueFd root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd) return {};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return base::UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, root_fd.get(), path.c_str(), &how, sizeof how)));
}

bool is_type(const base::UniqueFd& fd, mode_t type) {
  struct stat status {};
  return fd && ::fstat(fd.get(), &status) == 0 && (status.st_mode & S_IFMT) == type;
}

// What was located is opened by this path: no second look-up, so it is still the same file.
std::string self_path(const base::UniqueFd& located) {
  return "/proc/self/fd/" + std::to_string(located.get());
}

}  // namespace

bool RootedTree::has_file(const std::string& path) const {
  return is_type(locate(root_, path), S_IFREG);
}

std::optional<std::string> RootedTree::read(const std::string& path, std::size_t max_bytes) const {
  const base::UniqueFd located = locate(root_, path);
  if (!is_type(located, S_IFREG)) return std::nullopt;
  const base::UniqueFd file(
      ::open(self_path(located).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string content;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t bytes = ::read(file.get(), buffer, sizeof buffer);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return std::nullopt;
    if (bytes == 0) return content;
    if (content.size() + static_cast<std::size_t>(bytes) > max_bytes) return std::nullopt;
    content.append(buffer, static_cast<std::size_t>(bytes));
  }
}

std::vector<std::string> RootedTree::names(
    const std::string& path, const std::function<bool(std::string_view)>& wanted) const {
  std::vector<std::string> found;
  const base::UniqueFd located = locate(root_, path);
  if (!is_type(located, S_IFDIR)) return found;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(self_path(located).c_str()),
                                                   ::closedir);
  if (!stream) return found;
  for (std::size_t seen = 0; seen < kMaxFolderEntries; ++seen) {
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    if (wanted(entry->d_name)) found.emplace_back(entry->d_name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string normalised_path(std::string_view path, std::string_view cwd) {
  std::string whole;
  if (!path.starts_with('/')) {
    if (!cwd.starts_with('/')) return "";
    whole.append(cwd).append("/");
  }
  whole.append(path);
  std::string result;
  for (std::size_t start = 0; start < whole.size();) {
    const std::size_t end = std::min(whole.find('/', start), whole.size());
    const std::string_view component = std::string_view(whole).substr(start, end - start);
    if (component == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
    } else if (!component.empty() && component != ".") {
      result.append("/").append(component);
    }
    start = end + 1;
  }
  return result.empty() ? "/" : result;
}

}  // namespace loopstall::stacks
