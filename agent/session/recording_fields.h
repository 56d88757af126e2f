// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probes/event.h"
#include "probes/probes.h"
#include "probes/slots.h"
#include "session/canary_book.h"
#include "session/outside.h"
#include "session/resolver.h"
#include "stalls/loop_account.h"
#include "stalls/snapshot.h"

/// What of each structure is in a recording: one description for writing and reading. A field that
/// is not here is not needed to give the same numbers again. docs/recording.md explains the names.
namespace loopstall::session::recording {

template <typename Archive>
void describe(Archive& archive, stacks::RawFrame& frame) {
  archive("code", frame.code);
  archive("instruction", frame.instruction);
  archive("check", frame.check);
}

template <typename Archive>
void describe(Archive& archive, stacks::RawStack& stack) {
  archive("frames", stack.frames);
  archive("truncated", stack.truncated);
  archive("in_gc", stack.in_gc);
}

template <typename Archive>
void describe(Archive& archive, stacks::Frame& frame) {
  archive("function", frame.function);
  archive("file", frame.file);
  archive("path", frame.path);
  archive("line", frame.line);
  archive("origin", frame.origin);
  archive("transparent", frame.transparent);
  archive("kind", frame.kind);
  archive("wraps", frame.wraps);
  archive("ownership", frame.ownership);
}

template <typename Archive>
void describe(Archive& archive, stacks::Stack& stack) {
  archive("frames", stack.frames);
  archive("truncated", stack.truncated);
}

template <typename Archive>
void describe(Archive& archive, stacks::Attribution& blamed) {
  archive("culprit", blamed.culprit);
  archive("entry_frame", blamed.entry_frame);
  archive("function", blamed.function);
  archive("file", blamed.file);
  archive("path", blamed.path);
  archive("line", blamed.line);
  archive("entry", blamed.entry);
  archive("leaf", blamed.leaf);
}

template <typename Archive>
void describe(Archive& archive, stalls::KnownStack& known) {
  archive("stack", known.stack);
  archive("attribution", known.attribution);
}

// ---- events
// ---------------------------------------------------------------------------------------

template <typename Archive>
void describe(Archive& archive, probes::EventOrigin& origin) {
  archive("slot", origin.slot);
  archive("generation", origin.generation);
  archive("pid", origin.pid);
  archive("tid", origin.tid);
  archive("time", origin.time_ns);
  archive("turn", origin.turn_number);
}

template <typename Archive>
void describe(Archive&, probes::Announced&) {}

template <typename Archive>
void describe(Archive& archive, probes::Candidate& candidate) {
  archive("question", candidate.question);
  archive("fd", candidate.fd);
  archive("max_events", candidate.max_events);
  archive("stack", candidate.stack);
  archive("signature", candidate.signature);
  archive("polls", candidate.polls);
}

template <typename Archive>
void describe(Archive& archive, probes::BlockEnded& block) {
  archive("start", block.start_ns);
  archive("blocked", block.blocked_ns);
  archive("runqueue", block.runqueue_ns);
  archive("weight", block.weight_ns);
  archive("cause", block.cause);
  archive("syscall", block.syscall);
  archive("fd_kind", block.fd_kind);
  archive("stack", block.stack);
  archive("coroutine", block.coroutine);
  archive("throttled", block.throttled_ns);
  archive("task", block.task);
}

template <typename Archive>
void describe(Archive& archive, probes::HolderSeen& holder) {
  archive("stack", holder.stack);
}

template <typename Archive>
void describe(Archive& archive, probes::Ticked& tick) {
  archive("syscall", tick.syscall);
  archive("stack", tick.stack);
  archive("coroutine", tick.coroutine);
  archive("task", tick.task);
}

template <typename Archive>
void describe(Archive& archive, probes::TurnEnded& ended) {
  archive("start", ended.start_ns);
  archive("causes", ended.cause_ns);
  archive("serving", ended.serving);
  archive("at_least", ended.at_least);
  archive("is_long", ended.is_long);
  archive("dominant", ended.dominant);
}

template <typename Archive>
void describe(Archive& archive, probes::EventsDelayed& delayed) {
  archive("count", delayed.count);
}

template <typename Archive>
void describe(Archive& archive, probes::LoopEnded::LastTurn& last) {
  archive("serving", last.serving);
  archive("at_least", last.at_least);
  archive("is_long", last.is_long);
  archive("dominant", last.dominant);
  archive("exit_code", last.exit_code);
}

template <typename Archive>
void describe(Archive& archive, probes::LoopEnded& ended) {
  archive("turn_start", ended.turn_start_ns);
  archive("causes", ended.cause_ns);
  archive("last_turn", ended.last_turn);
}

template <typename Archive>
void describe(Archive& archive, probes::LoopBegan& began) {
  archive("runtime", began.runtime);
  archive("polls", began.polls);
}

template <typename Archive>
void describe(Archive& archive, probes::LoopUnheard& unheard) {
  archive("question", unheard.question);
  archive("idle", unheard.idle_ns);
  archive("startup", unheard.startup_ns);
  archive("busy", unheard.busy_ns);
}

template <typename Archive>
void describe(Archive&, probes::ProcessExited&) {}

template <typename Archive>
void describe(Archive&, probes::ProcessExeced&) {}

template <typename Archive>
void describe(Archive& archive, probes::Event& event) {
  archive("origin", event.origin);
  archive("what", event.what);
}

// ---- answers of the resolver
// ----------------------------------------------------------------------

template <typename Archive>
void describe(Archive& archive, loops::LoopLabels& labels) {
  archive("process", labels.process);
  archive("runtime", labels.runtime);
  archive("namespace", labels.namespace_);
  archive("pod", labels.pod);
  archive("container", labels.container);
}

template <typename Archive>
void describe(Archive& archive, Target& target) {
  archive("pid", target.python.pid);
  archive("start", target.python.start_boot_ns);
  archive("uvloop", target.python.uvloop);
  archive("labels", target.labels);
  archive("runtime", target.runtime);
}

template <typename Archive>
void describe(Archive& archive, SightedLoop& loop) {
  archive("pid", loop.pid);
  archive("tid", loop.tid);
  archive("kind", loop.kind);
  archive("in_home_wait", loop.in_home_wait);
  archive("home_fd", loop.home_fd);
  archive("cause", loop.cause);
  archive("polls", loop.polls);
  archive("seen", loop.seen_ns);
  archive("stack", loop.stack);
}

template <typename Archive>
void describe(Archive& archive, Inspected& inspected) {
  archive("pid", inspected.pid);
  archive("awaited", inspected.awaited);
  archive("start", inspected.start_boot_ns);
  archive("exe", inspected.exe);
  archive("code_bytes", inspected.code_bytes);
  archive("target", inspected.target);
  archive("loops", inspected.loops);
}

template <typename Archive>
void describe(Archive& archive, FrameErrors& errors) {
  archive("runtime", errors.runtime);
  archive("reason", errors.reason);
  archive("count", errors.count);
}

template <typename Archive>
void describe(Archive& archive, Resolved& resolved) {
  archive("stack_id", resolved.stack_id);
  archive("stack", resolved.stack);
  archive("errors", resolved.errors);
}

template <typename Archive>
void describe(Archive&, Scanned&) {}

template <typename Archive>
void describe(Archive& archive, stalls::PoolThreads& threads) {
  archive("busy", threads.busy);
  archive("idle", threads.idle);
}

template <typename Archive>
void describe(Archive& archive, PoolCounted& counted) {
  archive("pid", counted.pid);
  archive("threads", counted.threads);
}

// ---- readings
// -------------------------------------------------------------------------------------

template <typename Archive>
void describe(Archive& archive, stalls::DurationHistogram& histogram) {
  archive("counts", histogram.buckets);
  archive("sum", histogram.sum_ns);
}

template <typename Archive>
void describe(Archive& archive, stalls::LoopAccount::Syscall& syscall) {
  archive("name", syscall.name);
  archive("blocked", syscall.blocked_ns);
}

template <typename Archive>
void describe(Archive& archive, stalls::LoopAccount& account) {
  archive("activity", account.activity);
  archive("generation", account.generation);
  archive("birth", account.birth_ns);
  archive("accounted", account.accounted_ns);
  archive("switched_in", account.switched_in_ns);
  archive("current_cause", account.current_cause);
  archive("turn_start", account.turn_start_ns);
  archive("turn", account.turn_number);
  archive("serving", account.serving);
  archive("turn_at_least", account.turn_at_least);
  archive("busy", account.busy_ns);
  archive("idle", account.idle_ns);
  archive("startup", account.startup_ns);
  archive("turns", account.turns);
  archive("turn_time", account.turn_time_ns);
  archive("timer_lag", account.timer_lag);
  archive("stalls", account.stalls);
  archive("stall_time", account.stall_ns);
  archive("ready", account.ready_events);
  archive("delayed", account.delayed_events);
  archive("syscalls", account.syscalls);
}

template <typename Archive>
void describe(Archive& archive, probes::OpenSpan& span) {
  archive("since", span.since_ns);
  archive("turn", span.turn_number);
  archive("cause", span.cause);
  archive("stack", span.stack);
}

template <typename Archive>
void describe(Archive& archive, stalls::SchedulerBook& book) {
  archive("ran", book.ran_ns);
  archive("waited", book.waited_ns);
}

template <typename Archive>
void describe(Archive& archive, AuditReading& reading) {
  archive("account", reading.account);
  archive("book", reading.book);
  archive("now", reading.now_ns);
}

template <typename Archive>
void describe(Archive& archive, CanaryHold& hold) {
  archive("start", hold.start_ns);
  archive("end", hold.end_ns);
  archive("slept", hold.slept_ns);
}

template <typename Archive>
void describe(Archive& archive, stalls::ReasonCount& reason) {
  archive("reason", reason.reason);
  archive("count", reason.count);
}

template <typename Archive>
void describe(Archive& archive, stalls::ProgramCost& cost) {
  archive("program", cost.program);
  archive("runs", cost.runs);
  archive("seconds", cost.seconds);
}

template <typename Archive>
void describe(Archive& archive, stalls::HookChoice& choice) {
  archive("hook", choice.hook);
  archive("mode", choice.mode);
}

template <typename Archive>
void describe(Archive& archive, probes::Probes::Health& health) {
  archive("events_lost", health.events_lost);
  archive("stack_errors", health.stack_errors);
  archive("programs", health.programs);
}

}  // namespace loopstall::session::recording
