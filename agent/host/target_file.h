// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "host/procfs.h"

namespace loopstall::host {

/// Which file, and which of its contents: the key for caching what was read from it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
  uint64_t size = 0;

  auto operator<=>(const FileIdentity&) const = default;
};

/// An open file of a target.
struct TargetFile {
  base::UniqueFd fd;
  FileIdentity identity;
  std::string name;  ///< for messages
};

/// Opens a regular file by a path as the target sees it. Symbolic links, absolute ones too, stay
/// inside the target's root, and devices and FIFOs are not opened. A read may still hang on a dead
/// network mount: call from a worker with a deadline.
base::Result<TargetFile> open_in_root(const Procfs& procfs, pid_t pid, std::string_view path);

/// Opens /proc/PID/exe: always the running program's file, even when it was replaced or deleted.
base::Result<TargetFile> open_exe(const Procfs& procfs, pid_t pid);

/// Opens the file behind a mapping: by its path if that still names the mapped inode, else (it was
/// deleted or replaced) through /proc/PID/map_files, which needs CAP_CHECKPOINT_RESTORE.
base::Result<TargetFile> open_mapped(const Procfs& procfs, pid_t pid, const Mapping& mapping);

}  // namespace loopstall::host
