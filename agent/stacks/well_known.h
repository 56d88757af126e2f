// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "stacks/frame.h"

namespace loopstall::stacks {

/// Whether the import name ("starlette", "google.cloud.storage") belongs to a framework or client
/// of the data list: always library, even when installed from a local directory.
bool is_well_known_package(std::string_view module);

/// Whether it is the console script of a listed server: /venv/bin/uvicorn.
bool is_well_known_launcher(std::string_view path);

/// What a dispatch frame of a framework hands control to.
enum class Dispatch : uint8_t {
  none,
  loop,     ///< runs the event loop or one of its callbacks: what is outside started the loop
  work,     ///< calls one piece of the user's work: an endpoint, a dependency, a task
  wrapper,  ///< calls a decorator's wrapper, which then calls what it was put around
};

/// By the data list of (qualified name, file). The rows of uvicorn, starlette and FastAPI were seen
/// in real stacks; the others are not yet. Application frames are never dispatch frames.
Dispatch dispatch_of(const Frame& frame);

}  // namespace loopstall::stacks
