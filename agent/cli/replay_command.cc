// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "exposition/snapshot_samples.h"
#include "session/replay.h"

namespace loopstall::cli {
namespace {

void warn_of_gaps(const session::Replayed& replayed) {
  if (!replayed.is_whole) {
    fmt::print(stderr, "loopstall: the recording was cut off: its last step may be missing\n");
  }
  if (replayed.unanswered > 0) {
    fmt::print(
        stderr,
        "loopstall: {} questions have no answer in the recording, so the numbers may differ: "
        "replay it with the loopstall that made it\n",
        replayed.unanswered);
  }
}

}  // namespace

base::Result<void> run_replay(const ReplayRequest& request) {
  std::ifstream file(request.file, std::ios::binary);
  if (!file) {
    return base::fail(base::ErrorKind::usage, "cannot read {}: {}", request.file,
                      std::strerror(errno));
  }
  const auto replayed = session::replay(file);
  if (!replayed) return tl::unexpected(replayed.error());
  if (request.stalls) {
    for (const auto& record : replayed->records) fmt::print("{}\n", stalls::to_json(*record));
  } else {
    fmt::print("{}", exposition::snapshot_text(replayed->snapshot));
  }
  warn_of_gaps(*replayed);
  return {};
}

}  // namespace loopstall::cli
