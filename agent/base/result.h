// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace loopstall::base {

/// What kind of failure it is, which decides the command's exit status.
enum class ErrorKind {
  usage,        ///< the user's words are off: exit status 2
  environment,  ///< kernel, privileges, ports, files: exit status 3
  target,       ///< a process under observation is gone, unreadable or hostile
  internal,     ///< a defect of ours
};

/// One sentence that says what failed and names the fix.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

template <typename... Args>
tl::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace loopstall::base
