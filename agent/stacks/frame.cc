// SPDX-License-Identifier: Apache-2.0
#include "stacks/frame.h"

namespace loopstall::stacks {

std::string_view origin_name(Origin origin) {
  switch (origin) {
    case Origin::application:
      return "application";
    case Origin::third_party:
      return "third_party";
    case Origin::well_known:
      return "well_known";
    case Origin::stdlib:
      return "stdlib";
    case Origin::synthetic:
      return "synthetic";
  }
  return "third_party";
}

std::string_view kind_name(FrameKind kind) {
  switch (kind) {
    case FrameKind::function:
      return "function";
    case FrameKind::generator:
      return "generator";
    case FrameKind::coroutine:
      return "coroutine";
    case FrameKind::async_generator:
      return "async_generator";
  }
  return "function";
}

}  // namespace loopstall::stacks
