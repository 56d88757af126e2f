// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace loopstall::cli {

using base::ErrorKind;
using base::fail;
using base::Result;

OutputFile::OutputFile(std::string path, base::UniqueFd file, bool is_new)
    : path_(std::move(path)), file_(std::move(file)), is_new_(is_new) {}

OutputFile::~OutputFile() {
  if (is_new_ && file_) ::unlink(path_.c_str());
}

Result<OutputFile> OutputFile::open(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
  constexpr mode_t kMode = 0666;
  base::UniqueFd file(::open(path.c_str(), kFlags | O_EXCL, kMode));
  const bool is_new = static_cast<bool>(file);
  if (!is_new && errno == EEXIST) file = base::UniqueFd(::open(path.c_str(), kFlags, kMode));
  if (!file) return fail(ErrorKind::usage, "cannot write {}: {}", path, std::strerror(errno));
  return OutputFile(path, std::move(file), is_new);
}

Result<void> OutputFile::write(const std::string& text) {
  // Of a pipe or a terminal there is nothing to cut.
  if (::ftruncate(file_.get(), 0) != 0 && errno != EINVAL) {
    return fail(ErrorKind::environment, "cannot write {}: {}", path_, std::strerror(errno));
  }
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return fail(ErrorKind::environment, "cannot write {}: {}", path_, std::strerror(errno));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  is_new_ = false;
  return {};
}

}  // namespace loopstall::cli
