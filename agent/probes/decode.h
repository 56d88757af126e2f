// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "probes/event.h"
#include "stalls/loop_account.h"

struct ls_slot;
struct ls_stack_event;

namespace loopstall::probes {

/// One record of the ring buffer. Nothing for a record that is too short or of an unknown type: a
/// recording of another version.
std::optional<Event> decode_event(std::span<const std::byte> record);

/// The frames of a stack record, without those that the kernel side marked as shims.
stacks::RawStack decode_stack(const ls_stack_event& event);

/// A number that is not known is `other`.
stalls::Cause to_cause(uint32_t cause);

stalls::LoopAccount decode_slot(const ls_slot& slot);

}  // namespace loopstall::probes
