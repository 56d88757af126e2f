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

}  // namespace loopstall::stacks
