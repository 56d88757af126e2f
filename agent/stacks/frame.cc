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

Origin origin_of(Ownership ownership) {
  switch (ownership) {
    case Ownership::own_file:
    case Ownership::main_program:
    case Ownership::application_package:
    case Ownership::local_directory:
    case Ownership::unread:
      return Origin::application;
    case Ownership::installed:
      return Origin::third_party;
    case Ownership::listed:
    case Ownership::server_script:
      return Origin::well_known;
    case Ownership::stdlib_folder:
    case Ownership::frozen:
      return Origin::stdlib;
    case Ownership::generated:
    case Ownership::template_text:
      return Origin::synthetic;
  }
  return Origin::third_party;
}

std::string_view ownership_name(Ownership ownership) {
  switch (ownership) {
    case Ownership::own_file:
      return "own_file";
    case Ownership::main_program:
      return "main_program";
    case Ownership::application_package:
      return "application_package";
    case Ownership::local_directory:
      return "local_directory";
    case Ownership::unread:
      return "unread";
    case Ownership::installed:
      return "installed";
    case Ownership::listed:
      return "listed";
    case Ownership::server_script:
      return "server_script";
    case Ownership::stdlib_folder:
      return "stdlib_folder";
    case Ownership::frozen:
      return "frozen";
    case Ownership::generated:
      return "generated";
    case Ownership::template_text:
      return "template_text";
  }
  return "installed";
}

}  // namespace loopstall::stacks
