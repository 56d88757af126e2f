// SPDX-License-Identifier: Apache-2.0
#include "config/text_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace loopstall::config {
namespace {

constexpr std::size_t kMaxBytes = 1'000'000;

}  // namespace

base::Result<std::string> text_file(std::string_view name, const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    return base::fail(base::ErrorKind::usage, "{} cannot read {}: {}", name, path,
                      std::strerror(errno));
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxBytes) {
    return base::fail(base::ErrorKind::usage, "{}: {} has more than 1 MB", name, path);
  }
  return text;
}

}  // namespace loopstall::config
