/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The boundaries of the turns that a busy loop has thousands of a second: such a turn computed for less
 * than a millisecond and nothing else happened in it. And the waits of threads that are no loops. What
 * is done is what loops.bpf.h does, without what does not apply; all else is left to that.
 *
 * A turn's work has pushed the programs out of the CPU's first caches, so what they cost is what they
 * touch: the path that is all here costs half of the one through code for every case
 * (docs/decisions/0031).
 */
#ifndef LOOPSTALL_PLAIN_TURNS_BPF_H
#define LOOPSTALL_PLAIN_TURNS_BPF_H

#include "loops.bpf.h"

#define PLAIN_TURN_NS 1000000ull /* no stall threshold is shorter, nor is the first bucket */

static __always_inline bool is_plain_turn(const struct thread_state *thread, struct task_struct *task,
					  __u64 now)
{
	if (thread->status != THREAD_LOOP || !thread->in_turn || thread->phase != LS_SERVING)
		return false;
	/* Preempted on its way here, it has accounted for more than `now`. */
	if (now < thread->accounted_ns || now - thread->turn_start_ns >= PLAIN_TURN_NS)
		return false;
	if (thread->off_cpu || thread->turn_is_mixed || thread->turn_has_events ||
	    thread->tick_turn_number == thread->turn_number)
		return false;
	return !thread->hook_preemptions && !thread->switches_unwatched && detail != LS_DETAIL_TURNS &&
	       thread->switches == switches_of(task);
}

static __always_inline void end_plain_turn(struct thread_state *thread, struct ls_slot *slot, __u64 now)
{
	slot->busy_ns[LS_CPU] += now - thread->accounted_ns;
	slot->switched_in_ns = 0;
	slot->turn_buckets[0].count++;
	slot->turn_buckets[0].ns += now - thread->turn_start_ns;
	thread->ended_stall = 0;
	clear_turn(thread);
}

static __always_inline bool enters_home(struct thread_state *thread, struct task_struct *task, __s32 fd,
					__s64 timeout_ns, __u64 now)
{
	struct ls_slot *slot;

	if (!is_plain_turn(thread, task, now) || thread->home_kind != LS_WAIT_EPOLL ||
	    thread->home_fd < 0 || (__u64)task_file(task, fd) != thread->home_file)
		return false;
	slot = slot_of(thread);
	if (!slot)
		return false;
	write_begin(slot);
	end_plain_turn(thread, slot, now);
	begin_idle(thread, slot, task, timeout_ns, now);
	write_end(slot);
	return true;
}

/* At an epoll wait. False: it was nothing of the kind, and nothing is done. */
static __always_inline bool enters_plain_wait(struct thread_state *thread, struct task_struct *task,
					      __s32 fd, __s64 timeout_ns, __u64 now)
{
	bool is_done;

	if (!thread || thread->in_hook)
		return false;
	enter_hook(thread);
	is_done = is_of_no_loop(thread, task) || enters_home(thread, task, fd, timeout_ns, now);
	leave_hook(thread);
	return is_done;
}

static __always_inline bool leaves_home(struct thread_state *thread, struct task_struct *task,
					__s64 result, __u64 now)
{
	struct ls_slot *slot;

	if (thread->status != THREAD_LOOP || !thread->in_home_wait || thread->phase != LS_SERVING ||
	    thread->ended_stall || result == -ERESTART_RESTARTBLOCK)
		return false;
	slot = slot_of(thread);
	if (!slot)
		return false;
	thread->home_interrupted = 0;
	write_begin(slot);
	end_idle(thread, slot, task, result, now);
	write_end(slot);
	return true;
}

/* At the end of any wait. */
static __always_inline bool leaves_plain_wait(struct thread_state *thread, struct task_struct *task,
					      __s64 result, __u64 now)
{
	bool is_done;

	if (!thread || thread->in_hook)
		return false;
	enter_hook(thread);
	is_done = thread->status < THREAD_CANDIDATE || leaves_home(thread, task, result, now);
	leave_hook(thread);
	return is_done;
}

#endif
