/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The account of a loop: every nanosecond of its life goes into exactly one accumulator, at the
 * event that ends the span. No accumulator is computed as a remainder.
 */
#ifndef LOOPSTALL_ACCOUNT_BPF_H
#define LOOPSTALL_ACCOUNT_BPF_H

#include "causes.bpf.h"
#include "health.bpf.h"
#include "maps.bpf.h"
#include "python_walk.bpf.h"
#include "waits.bpf.h"

#define compiler_barrier() asm volatile("" ::: "memory")

/*
 * x86 keeps stores in order, so a compiler barrier is enough there. BPF has no store barrier that
 * clang 14 emits; an atomic exchange is a full barrier on arm64.
 */
static __always_inline void write_begin(struct ls_slot *slot)
{
	if (!slot)
		return;
#if defined(__TARGET_ARCH_x86)
	slot->seq++;
	compiler_barrier();
#else
	__sync_fetch_and_add(&slot->seq, 1);
#endif
}

static __always_inline void write_end(struct ls_slot *slot)
{
	if (!slot)
		return;
#if defined(__TARGET_ARCH_x86)
	compiler_barrier();
	slot->seq++;
#else
	__sync_fetch_and_add(&slot->seq, 1);
#endif
}

static __always_inline __u64 span(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

static __always_inline __u64 run_delay_of(struct task_struct *task)
{
	return task->sched_info.run_delay;
}

static __always_inline void add_busy(struct thread_state *thread, struct ls_slot *slot, __u32 cause,
				     __u64 ns)
{
	/* Nothing is touched for nothing: most turns only compute. */
	if (!ns)
		return;
	if (cause >= LS_CAUSES)
		cause = LS_OTHER;
	if (cause != LS_CPU)
		thread->turn_is_mixed = 1;
	thread->turn_cause_ns[cause] += ns;
	if (slot)
		slot->busy_ns[cause] += ns;
}

static __always_inline void add_syscall(struct ls_slot *slot, __u32 number, __u64 ns)
{
	__u32 i, at;

	if (!slot || number == LS_NO_SYSCALL || !ns)
		return;
	for (i = 0; i < 4; i++) {
		at = (number + i) & (LS_SYSCALL_ENTRIES - 1);
		if (!slot->syscalls[at].number_plus_one)
			slot->syscalls[at].number_plus_one = number + 1;
		if (slot->syscalls[at].number_plus_one == number + 1) {
			slot->syscalls[at].blocked_ns += ns;
			return;
		}
	}
	slot->syscall_other_ns += ns;
}

/* ---- off-CPU spans ----------------------------------------------------------------------------- */

static __always_inline __u64 random_below(__u64 limit)
{
	return ((__u64)bpf_get_prandom_u32() * limit) >> 32;
}

/*
 * Short spans are sampled by strata: laid end to end, their time is cut into cells of
 * min_block_ns; in each cell one uniformly random point is drawn, and the span that covers it
 * stands for the whole cell. Unbiased on any pattern; a fixed or random threshold on accumulated
 * time is not (docs/decisions/0004).
 */
static __always_inline __u64 sampled_weight(struct thread_state *thread, __u64 length)
{
	__u64 cell = min_block_ns, weight = 0, position = thread->cell_position_ns + length;

	if (!thread->cell_target_ns)
		thread->cell_target_ns = 1 + random_below(cell);
	if (thread->cell_position_ns < thread->cell_target_ns && position >= thread->cell_target_ns)
		weight += cell;
	if (position >= cell) {
		position -= cell;
		thread->cell_target_ns = 1 + random_below(cell);
		if (position >= thread->cell_target_ns)
			weight += cell;
	}
	thread->cell_position_ns = position;
	return weight;
}

/* What an off-CPU span went on. */
struct off_cpu_parts {
	__u64 blocked;
	__u64 runqueue;
	__u64 throttled;
};

static __always_inline void clear_stack(struct ls_stack_event *event)
{
	event->frame_count = 0;
	event->walk_error = LS_WALK_NO_PROCESS;
	event->coroutine = 0;
	event->task_kind = LS_TASK_UNKNOWN;
	event->flags = 0;
}

/* Of the span that a loop is in there is none, and that of the slot's last loop is not its own. */
static __always_inline void show_no_stack(const struct thread_state *thread)
{
	__u32 index = thread->slot;
	struct ls_stack_event *event = bpf_map_lookup_elem(&loop_stacks, &index);

	if (!event)
		return;
	clear_stack(event);
	event->header.turn_number = thread->turn_number;
}

static __always_inline void send_block(struct thread_state *thread, struct task_struct *task,
				       const struct off_cpu_parts *parts)
{
	__u64 length = parts->blocked + parts->runqueue + parts->throttled, weight = 0;
	struct ls_stack_event *event, *holder;
	__u32 slot = thread->slot;

	/* Nobody can be named: its time is the machine's, or stays ~unsampled. */
	if (thread->off_has_stack == STACK_LEFT_OUT) {
		if (length >= min_block_ns)
			thread->turn_has_events = 1;
		return;
	}
	if (length < min_block_ns) {
		weight = sampled_weight(thread, length);
		if (!weight)
			return;
	}
	event = bpf_map_lookup_elem(&loop_stacks, &slot);
	holder = bpf_map_lookup_elem(&holder_stacks, &slot);
	if (!event || !holder)
		return;
	if (thread->off_has_stack == NO_STACK) {
		clear_stack(event);
		holder->frame_count = 0;
	}
	fill_header(&event->header, LS_EVENT_BLOCK, thread, task, thread->off_end_ns);
	event->start_ns = thread->accounted_ns;
	event->blocked_ns = parts->blocked;
	event->runqueue_ns = parts->runqueue;
	event->throttled_ns = parts->throttled;
	event->weight_ns = weight;
	event->cause = thread->off_cause;
	event->syscall = thread->off_syscall;
	event->fd_kind = thread->off_fd_kind;
	if (thread->off_cause == LS_GIL && holder->frame_count) {
		fill_header(&holder->header, LS_EVENT_HOLDER, thread, task, thread->off_end_ns);
		send_event(holder, stack_event_size(holder), LS_LOST_HOLDER);
	}
	send_event(event, stack_event_size(event), LS_LOST_BLOCK);
	thread->turn_has_events = 1;
}

/*
 * Closes the off-CPU span that ended at off_end_ns. How much of it was waiting for a CPU is in the
 * scheduler's own book, which is complete only after the switch-in: hence at the next event.
 */
static __always_inline void settle_off_cpu(struct thread_state *thread, struct ls_slot *slot,
					   struct task_struct *task)
{
	struct off_cpu_parts parts;
	__u64 length, runnable;

	if (!thread->off_cpu || !thread->off_end_ns)
		return;
	length = span(thread->accounted_ns, thread->off_end_ns);
	runnable = length;
	if (!thread->off_preempted) {
		runnable = span(thread->off_run_delay, run_delay_of(task));
		if (runnable > length)
			runnable = length;
	}
	parts.blocked = length - runnable;
	parts.throttled = throttled_part(&thread->off_throttle, task, runnable);
	parts.runqueue = runnable - parts.throttled;
	add_busy(thread, slot, thread->off_cause, parts.blocked);
	add_busy(thread, slot, LS_RUNQUEUE, parts.runqueue);
	add_busy(thread, slot, LS_THROTTLED, parts.throttled);
	add_syscall(slot, thread->off_preempted ? LS_NO_SYSCALL : thread->off_syscall,
		    parts.blocked);
	/* Before the verdict it has no slot, and neither when the slot is another loop's by now. */
	if (slot)
		send_block(thread, task, &parts);
	thread->off_cpu = 0;
	thread->accounted_ns += length;
	if (slot) {
		slot->accounted_ns = thread->accounted_ns;
		slot->switched_in_ns = 0;
	}
}

/*
 * While another tracer attaches to or leaves the scheduler's tracepoint, the kernel skips runs of
 * our program (seen on 6.18 with both ends of a sleep). Such a sleep would pass for computing.
 */
enum switch_view { SWITCHES_SEEN, PREEMPTED_IN_HOOK, SWITCH_IN_UNSEEN, SWITCHES_UNSEEN };

static __always_inline enum switch_view view_of_switches(const struct thread_state *thread,
							 struct task_struct *task)
{
	if (switches_of(task) != thread->switches + thread->hook_preemptions)
		return SWITCHES_UNSEEN;
	if (thread->off_cpu && !thread->off_end_ns)
		return SWITCH_IN_UNSEEN;
	return thread->hook_preemptions ? PREEMPTED_IN_HOOK : SWITCHES_SEEN;
}

static __always_inline void note_book(struct thread_state *thread, struct task_struct *task)
{
	thread->switches_unwatched = detail == LS_DETAIL_TURNS;
	thread->switches = switches_of(task);
	thread->hook_preemptions = 0;
	thread->ran_ns = run_time_of(task);
	thread->waited_ns = run_delay_of(task);
}

/* What it waited for is not known, and neither is whose stack that was. */
static __always_inline void account_unseen(struct thread_state *thread, struct ls_slot *slot,
					   struct task_struct *task, __u64 length)
{
	__u64 ran = span(thread->ran_ns, run_time_of(task));
	__u64 waited = span(thread->waited_ns, run_delay_of(task));

	if (ran > length)
		ran = length;
	if (waited > length - ran)
		waited = length - ran;
	add_busy(thread, slot, LS_CPU, ran);
	add_busy(thread, slot, LS_RUNQUEUE, waited);
	add_busy(thread, slot, LS_OTHER, length - ran - waited);
}

/*
 * A program may be preempted in its middle where the kernel can be preempted (since 7.0 always; fentry
 * before that, too). The switches of a thread that is inside one of its own hooks would find its account
 * half changed: they leave it alone, and the scheduler's book says later how long it waited.
 */
static __always_inline void enter_hook(struct thread_state *thread)
{
	thread->in_hook = IN_ITS_HOOK;
	barrier();
}

static __always_inline void leave_hook(struct thread_state *thread)
{
	barrier();
	thread->in_hook = 0;
}

/* It never slept, so that all but what it waited for a CPU is what it ran. */
static __always_inline void account_preempted(struct thread_state *thread, struct ls_slot *slot,
					      struct task_struct *task, __u64 length)
{
	__u64 waited = span(thread->waited_ns, run_delay_of(task));

	if (waited > length)
		waited = length;
	add_busy(thread, slot, LS_RUNQUEUE, waited);
	add_busy(thread, slot, LS_CPU, length - waited);
}

/* Inside write_begin/write_end: brings the account up to `now` for a thread that is running. */
static __always_inline void account_running(struct thread_state *thread, struct ls_slot *slot,
					    struct task_struct *task, __u64 now)
{
	enum switch_view view = view_of_switches(thread, task);
	bool was_off_cpu = thread->off_cpu;
	bool is_unwatched = thread->switches_unwatched || detail == LS_DETAIL_TURNS;

	if (!is_unwatched && (view == SWITCHES_UNSEEN || view == SWITCH_IN_UNSEEN))
		count_loss(LS_LOST_SWITCH);
	/* It left for a known reason and came back by itself: what it ran since is in the book. */
	if (view == SWITCH_IN_UNSEEN)
		thread->off_end_ns = now - span(thread->ran_ns, run_time_of(task));
	settle_off_cpu(thread, slot, task);
	thread->off_cpu = 0;
	if (is_unwatched)
		add_busy(thread, slot, LS_OTHER, span(thread->accounted_ns, now));
	else if (view == SWITCHES_UNSEEN)
		account_unseen(thread, slot, task, span(thread->accounted_ns, now));
	else if (view == PREEMPTED_IN_HOOK && !was_off_cpu)
		account_preempted(thread, slot, task, span(thread->accounted_ns, now));
	else
		add_busy(thread, slot, LS_CPU, span(thread->accounted_ns, now));
	thread->accounted_ns = now;
	note_book(thread, task);
	if (slot) {
		slot->accounted_ns = now;
		slot->switched_in_ns = 0;
	}
}

/*
 * Where it lost its CPU is no function's fault; it only shows where a turn hangs, which user space
 * asks once the turn has lasted for so long.
 */
#define SHOWN_TURN_NS 20000000ull
static __always_inline bool is_unread(const struct thread_state *thread, __u64 now)
{
	return thread->off_preempted && span(thread->turn_start_ns, now) < SHOWN_TURN_NS;
}

static __always_inline void capture_stacks(struct thread_state *thread, bool waits_for_gil,
					   __u64 now)
{
	struct walk_buffers *buffers = buffers_of(BUFFERS_OF_SWITCH);
	struct ls_stack_event *event, *holder;
	__u32 index = thread->slot;

	event = bpf_map_lookup_elem(&loop_stacks, &index);
	holder = bpf_map_lookup_elem(&holder_stacks, &index);
	if (!event || !holder || !buffers)
		return;
	if (is_unread(thread, now) || !wants_stack()) {
		/* Or the one before in this turn would pass for it. */
		event->header.turn_number = ~0ull;
		thread->off_has_stack = STACK_LEFT_OUT;
		return;
	}
	event->header.turn_number = thread->turn_number;
	event->flags = 0;
	holder->frame_count = 0;
	walk_own_stack(thread, event, buffers);
	if (waits_for_gil)
		walk_gil_holder(thread, holder, buffers);
	thread->off_has_stack = STACK_TAKEN;
}

static __always_inline void leave_cpu(struct thread_state *thread, struct ls_slot *slot,
				      struct task_struct *task, bool preempted, __u32 state,
				      __u64 now)
{
	struct off_cpu_reason reason = {};

	write_begin(slot);
	account_running(thread, slot, task, now);
	mark_throttle(&thread->off_throttle, task);
	reason_for_leaving(&reason, thread, task, preempted, state);
	thread->off_cpu = 1;
	thread->off_end_ns = 0;
	thread->off_preempted = preempted || !state;
	thread->off_run_delay = thread->waited_ns;
	thread->off_cause = reason.cause;
	thread->off_syscall = reason.syscall;
	thread->off_fd_kind = reason.fd_kind;
	thread->off_has_stack = NO_STACK;
	if (slot) {
		slot->state = LS_SLOT_OFF_CPU;
		slot->current_cause = reason.cause;
		slot->current_syscall = reason.syscall;
		/* At every switch-out: how long the block will be is not known yet, and at the
		 * switch-in its memory is not mapped. */
		capture_stacks(thread, reason.cause == LS_GIL, now);
	}
	write_end(slot);
}

static __always_inline void enter_cpu(struct thread_state *thread, struct ls_slot *slot, __u64 now)
{
	if (!thread->off_cpu || thread->off_end_ns)
		return;
	write_begin(slot);
	thread->off_end_ns = now;
	if (slot) {
		slot->state = LS_SLOT_RUNNING;
		slot->switched_in_ns = now;
	}
	write_end(slot);
}

/* ---- turns ------------------------------------------------------------------------------------- */

static __always_inline __u32 bucket_of(__u64 ns)
{
	/* Inclusive upper bounds, as `le` demands; the same list as kBucketBoundsNs. */
	if (ns <= 50000000ull) {
		if (ns <= 5000000ull)
			return ns <= 1000000ull ? 0 : ns <= 2500000ull ? 1 : 2;
		return ns <= 10000000ull ? 3 : ns <= 25000000ull ? 4 : 5;
	}
	if (ns <= 1000000000ull) {
		if (ns <= 250000000ull)
			return ns <= 100000000ull ? 6 : 7;
		return ns <= 500000000ull ? 8 : 9;
	}
	if (ns <= 5000000000ull)
		return ns <= 2500000000ull ? 10 : 11;
	return ns <= 10000000000ull ? 12 : ns <= 30000000000ull ? 13 : 14;
}

/* The share of the turn's ticks that found the cyclic collector at work is that of its CPU time. */
static __always_inline void split_gc(struct thread_state *thread)
{
	__u64 cpu = thread->turn_cause_ns[LS_CPU], gc = cpu;
	__u32 ticks = thread->tick_count, in_gc = thread->tick_gc_count;

	if (thread->tick_turn_number != thread->turn_number || !in_gc || !ticks)
		return;
	if (in_gc < ticks)
		gc = cpu / ticks * in_gc;
	thread->turn_is_mixed = 1;
	thread->turn_cause_ns[LS_CPU] -= gc;
	thread->turn_cause_ns[LS_GC] += gc;
}

/* The cause that took most; being stopped is nobody's stall. */
static __always_inline __u32 dominant_cause(const struct thread_state *thread)
{
	__u32 cause, best = LS_CPU;

	for (cause = 1; cause < LS_CAUSES; cause++)
		if (cause != LS_STOPPED && thread->turn_cause_ns[cause] > thread->turn_cause_ns[best])
			best = cause;
	return best;
}

/* Being stopped does not count towards the threshold. */
static __always_inline bool is_long_turn(const struct thread_state *thread, __u64 length)
{
	return length >= stall_threshold_ns &&
	       length >= stall_threshold_ns + thread->turn_cause_ns[LS_STOPPED];
}

static __always_inline void count_stall(struct ls_slot *slot, __u32 dominant, __u64 length)
{
	if (dominant >= LS_CAUSES)
		return;
	slot->stalls[dominant]++;
	slot->stall_ns[dominant] += length;
}

static __always_inline void clear_turn(struct thread_state *thread)
{
	thread->turn_cause_ns[LS_CPU] = 0;
	if (thread->turn_is_mixed)
		__builtin_memset(thread->turn_cause_ns, 0, sizeof(thread->turn_cause_ns));
	thread->turn_is_mixed = 0;
	thread->turn_flags = 0;
	thread->turn_has_events = 0;
	thread->in_turn = 0;
	thread->turn_start_ns = 0;
}

static __always_inline void show_turn(const struct thread_state *thread, struct ls_slot *slot)
{
	slot->state = LS_SLOT_RUNNING;
	if (thread->switches_unwatched) {
		slot->state = LS_SLOT_OFF_CPU;
		slot->current_cause = LS_OTHER;
		slot->current_syscall = LS_NO_SYSCALL;
	}
	slot->accounted_ns = thread->accounted_ns;
	slot->switched_in_ns = 0;
	slot->turn_start_ns = thread->turn_start_ns;
	slot->turn_number = thread->turn_number;
	slot->turn_flags = thread->turn_flags;
}

/*
 * For `runnable` of the time before `now` it waited for a CPU, for `throttled` of that for its quota:
 * both belong to the turn. Whatever ended the turn before has cleared it.
 */
static __always_inline void begin_turn(struct thread_state *thread, struct ls_slot *slot,
				       struct task_struct *task, __u64 now, __u64 runnable,
				       __u64 throttled)
{
	thread->in_turn = 1;
	thread->turn_number++;
	thread->turn_start_ns = now - runnable;
	thread->accounted_ns = now;
	thread->off_cpu = 0;
	note_book(thread, task);
	if (slot)
		show_turn(thread, slot);
	add_busy(thread, slot, LS_RUNQUEUE, runnable - throttled);
	add_busy(thread, slot, LS_THROTTLED, throttled);
}

static __always_inline void send_turn_end(struct thread_state *thread, struct task_struct *task,
					  __u64 now, __u32 is_long, __u32 dominant)
{
	/* Not on the stack, of which a program and all that it calls had 512 bytes together until 6.13. */
	struct ls_turn_event *event = bpf_ringbuf_reserve(&loop_events, sizeof(*event), 0);

	if (!event) {
		count_loss(LS_LOST_TURN_END);
		return;
	}
	fill_header(&event->header, LS_EVENT_TURN_END, thread, task, now);
	event->start_ns = thread->turn_start_ns;
	__builtin_memcpy(event->cause_ns, thread->turn_cause_ns, sizeof(event->cause_ns));
	event->phase = thread->phase;
	event->flags = thread->turn_flags;
	event->is_long = is_long;
	event->dominant_cause = dominant;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* Of the first waits of a loop. */
#define LISTEN_CHECKS_AT_ONCE 32

/* Startup ends when the loop first waits with its listening socket in place. */
static __always_inline void update_phase(struct thread_state *thread, struct ls_slot *slot,
					 struct task_struct *task, __u64 now)
{
	/*
	 * A scan costs up to some 10 us: soon at most one in 5 ms. Not from the start, for a service
	 * that nobody asks may never wait again after the wait that shows its socket.
	 */
	if (thread->phase != LS_STARTUP)
		return;
	if (thread->listen_checks >= LISTEN_CHECKS_AT_ONCE &&
	    now - thread->listen_check_ns < 5000000)
		return;
	thread->listen_checks++;
	thread->listen_check_ns = now;
	if (now - thread->startup_since_ns >= startup_limit_ns || home_serves(thread, task))
		thread->phase = LS_SERVING;
	slot->phase = thread->phase;
}

static __always_inline void end_turn(struct thread_state *thread, struct ls_slot *slot,
				     struct task_struct *task, __u64 now)
{
	__u64 length = span(thread->turn_start_ns, now);
	__u32 bucket = bucket_of(length), dominant = LS_CPU;
	bool is_long, is_stall, has_events;

	split_gc(thread);
	is_long = is_long_turn(thread, length);
	is_stall = is_long && thread->phase == LS_SERVING;
	if (thread->phase == LS_STARTUP) {
		slot->startup_ns += length;
	} else if (bucket < LS_BUCKETS) {
		slot->turn_buckets[bucket].count++;
		slot->turn_buckets[bucket].ns += length;
	}
	/* A healthy turn sends nothing; a long one of startup is recorded, and is no stall. */
	has_events = thread->turn_has_events || thread->tick_turn_number == thread->turn_number;
	if (is_long || has_events) {
		dominant = dominant_cause(thread);
		send_turn_end(thread, task, now, is_long, dominant);
	}
	if (is_stall)
		count_stall(slot, dominant, length);
	thread->ended_stall = is_stall;
	clear_turn(thread);
}

/* From here on, what the scheduler's book grows by is the wait's. */
static __always_inline void note_wait(struct thread_state *thread, struct task_struct *task)
{
	thread->wait_run_delay = run_delay_of(task);
	mark_throttle(&thread->wait_throttle, task);
}

/*
 * A loop waits until its next timer is due. With other work at hand it does not wait at all: then
 * the timer is what it was.
 */
static __always_inline void note_timeout(struct thread_state *thread, __s64 timeout_ns, __u64 now)
{
	if (timeout_ns > 0)
		thread->timer_due_ns = now + timeout_ns;
	else if (timeout_ns < 0)
		thread->timer_due_ns = 0;
}

/* The first return from the home wait after a timer was due is the one that runs it. */
static __always_inline void note_timer_lag(struct thread_state *thread, struct ls_slot *slot,
					   __u64 now)
{
	__u64 due = thread->timer_due_ns;
	__u32 bucket;

	if (!due || now < due)
		return;
	thread->timer_due_ns = 0;
	if (thread->phase != LS_SERVING)
		return;
	bucket = bucket_of(now - due);
	if (bucket < LS_BUCKETS)
		slot->timer_lag_buckets[bucket]++;
	slot->timer_lag_sum_ns += now - due;
}

static __always_inline void begin_idle(struct thread_state *thread, struct ls_slot *slot,
				       struct task_struct *task, __s64 timeout_ns, __u64 now)
{
	thread->accounted_ns = now;
	slot->accounted_ns = now;
	slot->state = LS_SLOT_IDLE;
	slot->turn_start_ns = 0;
	thread->in_home_wait = 1;
	thread->wait_enter_ns = now;
	note_timeout(thread, timeout_ns, now);
	note_wait(thread, task);
}

static __always_inline void enter_home_wait(struct thread_state *thread, struct ls_slot *slot,
					    struct task_struct *task, __s64 timeout_ns, __u64 now)
{
	write_begin(slot);
	if (thread->in_turn) {
		account_running(thread, slot, task, now);
		end_turn(thread, slot, task, now);
	} else {
		/* It was in the wait and came back without an exit that we saw (a lost hook). */
		slot->idle_ns += span(thread->accounted_ns, now);
	}
	begin_idle(thread, slot, task, timeout_ns, now);
	update_phase(thread, slot, task, now);
	write_end(slot);
}

/*
 * Idle ends at the wake-up that ends the wait; from there to the return it waited for a CPU, and
 * that belongs to the turn that starts.
 */
static __always_inline void end_idle(struct thread_state *thread, struct ls_slot *slot,
				     struct task_struct *task, __s64 result, __u64 now)
{
	__u64 length = span(thread->accounted_ns, now);
	__u64 runnable = span(thread->wait_run_delay, run_delay_of(task));
	__u64 throttled;

	if (runnable > length)
		runnable = length;
	throttled = throttled_part(&thread->wait_throttle, task, runnable);
	slot->idle_ns += length - runnable;
	note_timer_lag(thread, slot, now);
	if (result > 0)
		slot->ready_events += result;
	thread->in_home_wait = 0;
	begin_turn(thread, slot, task, now, runnable, throttled);
}

/* What had become ready while a stall lasted. */
static __always_inline void tell_delayed(struct thread_state *thread, struct ls_slot *slot,
					 struct task_struct *task, __s64 result, __u64 now)
{
	struct ls_delayed_event event = {};

	if (!thread->ended_stall)
		return;
	thread->ended_stall = 0;
	fill_header(&event.header, LS_EVENT_DELAYED, thread, task, now);
	event.count = result > 0 ? result : 0;
	slot->delayed_events += event.count;
	send_event(&event, sizeof(event), LS_LOST_TURN_END);
}

static __always_inline void leave_home_wait(struct thread_state *thread, struct ls_slot *slot,
					    struct task_struct *task, __s64 result, __u64 now)
{
	write_begin(slot);
	/* It may have become a loop in this very wait. */
	update_phase(thread, slot, task, now);
	tell_delayed(thread, slot, task, result, now);
	end_idle(thread, slot, task, result, now);
	write_end(slot);
}

#endif
