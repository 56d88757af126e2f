// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace loopstall::loops {

/// The event loops that are told apart; `runtime_name` is their label.
enum class RuntimeKind : uint8_t { none, asyncio, uvloop, trio };

std::string_view runtime_name(RuntimeKind kind);

/// What libuv, and so uvloop, passes to every wait: uv__io_poll's events[1024], every version.
inline constexpr uint32_t kLibuvMaxEvents = 1024;

/// A frame as the rules see it.
struct FrameName {
  std::string_view function;  ///< qualified name; empty: it could not be read
  std::string_view path;      ///< co_filename
};

/// A thread that enters an epoll wait, or poll or select.
struct EpollWait {
  std::vector<FrameName> stack;  ///< innermost first
  uint32_t max_events = 0;       ///< libuv always passes 1024; 0 for poll and select
  bool process_has_uvloop = false;
};

/// Whether that wait is the home wait of a loop, and of which kind. The stack decides: only a
/// loop's selector is called by the loop's own frame; a client's private selector has library or
/// application frames between. uvloop leaves no frames, so there the signature of libuv
/// decides, in processes that have it.
RuntimeKind judge_epoll_wait(const EpollWait& wait);

/// Whether the frame that would decide could not be read: then that it is no home is no verdict.
bool is_undecidable(const EpollWait& wait);

/// Whether every wait whose innermost `frames` frames are these gets the same verdict in the same
/// program: then it can be remembered by them.
bool is_decided_by(const EpollWait& wait, std::size_t frames);

/// A thread seen at some moment, not necessarily at a wait.
struct LoopSighting {
  RuntimeKind kind = RuntimeKind::none;
  bool in_home_wait = false;
};

/// What a thread that existed before the agent is: `in_epoll` says whether it is in an epoll wait.
LoopSighting judge_running_thread(EpollWait seen, bool in_epoll);

}  // namespace loopstall::loops
