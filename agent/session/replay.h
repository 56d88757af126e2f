// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>
#include <vector>

#include "base/result.h"
#include "stalls/snapshot.h"

namespace loopstall::session {

/// What a recorded agent showed at the end.
struct Replayed {
  stalls::Snapshot snapshot;
  std::vector<std::shared_ptr<const stalls::StallRecord>> records;  ///< oldest first
  bool is_whole = false;    ///< the agent came to its end; else the last step may be missing
  uint64_t unanswered = 0;  ///< questions that the recording has no answer to: another version's
};

/// Takes the steps of a recording again. Needs no privileges and looks at nothing but `recording`,
/// which may come from a stranger. Fails with ErrorKind::usage: no recording, another version's, or
/// one that does not hang together.
base::Result<Replayed> replay(std::istream& recording);

}  // namespace loopstall::session
