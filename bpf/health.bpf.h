/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is lost or fails is counted by reason; programs time some of their own runs. */
#ifndef LOOPSTALL_HEALTH_BPF_H
#define LOOPSTALL_HEALTH_BPF_H

#include "maps.bpf.h"

static __always_inline struct ls_health *cpu_health(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&health, &zero);
}

static __always_inline void count_loss(__u32 loss)
{
	struct ls_health *counters = cpu_health();

	if (counters && loss < LS_LOSSES)
		counters->losses[loss]++;
}

static __always_inline void count_walk_error(__u32 error)
{
	struct ls_health *counters = cpu_health();

	if (counters && error && error < LS_WALK_ERRORS)
		counters->walk_errors[error]++;
}

/* Whether a stack may be walked now; what is left out for the budget's sake is counted. */
static __always_inline bool wants_stack(void)
{
	__u32 level = detail;

	if (level == LS_DETAIL_FULL)
		return true;
	if (level == LS_DETAIL_FEWER_STACKS && !(bpf_get_prandom_u32() & LS_STACKS_LEFT_OUT))
		return true;
	count_walk_error(LS_WALK_OVER_BUDGET);
	return false;
}

/* BPF statistics would need CAP_SYS_ADMIN; two clock reads in 1,024 runs cost nothing to speak of. */
struct run_timer {
	struct ls_program_cost *cost;
	__u64 started_ns;
};

static __always_inline void start_run(struct run_timer *timer, enum ls_program program)
{
	struct ls_health *counters = cpu_health();

	timer->cost = counters ? &counters->programs[program] : NULL;
	timer->started_ns = 0;
	if (timer->cost && (++timer->cost->runs & 1023) == 0)
		timer->started_ns = bpf_ktime_get_ns();
}

static __always_inline void end_run(struct run_timer *timer)
{
	if (timer->cost && timer->started_ns) {
		timer->cost->timed_runs++;
		timer->cost->timed_ns += bpf_ktime_get_ns() - timer->started_ns;
	}
}

/*
 * The hooks of waits run at every turn, mostly with nothing of the agent's in the caches: there the
 * CPU's counters would be a fifth of the cost. So a thread counts its runs itself, hands them over by
 * the 64, and the run that does so is timed for all of them. Its first ones count singly: those ask
 * questions, and some threads make no more.
 */
#define RUNS_AT_ONCE 64

static __always_inline void count_wait_run(__u32 *runs, enum ls_program program, __u64 started_ns)
{
	struct ls_health *counters;
	__u64 weight = 1, ended_ns;

	if (++*runs > RUNS_AT_ONCE) {
		if (*runs % RUNS_AT_ONCE)
			return;
		weight = RUNS_AT_ONCE;
	}
	ended_ns = bpf_ktime_get_ns();
	counters = cpu_health();
	if (!counters)
		return;
	counters->programs[program].runs += weight;
	counters->programs[program].timed_runs += weight;
	counters->programs[program].timed_ns += weight * (ended_ns - started_ns);
}

/*
 * The consumer polls: waking it costs 7.9 us an event where the event itself costs 0.5.
 * Discovery alone wakes it, because each millisecond until the verdict is unmeasured.
 */
/* False when the ring buffer is full, which is counted as `loss`. */
static __always_inline bool send_event(void *event, __u64 size, __u32 loss)
{
	if (!bpf_ringbuf_output(&loop_events, event, size, BPF_RB_NO_WAKEUP))
		return true;
	count_loss(loss);
	return false;
}

static __always_inline void send_urgent_event(void *event, __u64 size, __u32 loss)
{
	if (bpf_ringbuf_output(&loop_events, event, size, BPF_RB_FORCE_WAKEUP))
		count_loss(loss);
}

/* A stack event is sent without the frames it does not have. */
static __always_inline __u64 stack_event_size(const struct ls_stack_event *event)
{
	__u32 frames = event->frame_count;

	if (frames > LS_MAX_FRAMES)
		frames = LS_MAX_FRAMES;
	return __builtin_offsetof(struct ls_stack_event, frames) + frames * sizeof(struct ls_frame);
}

static __always_inline void fill_header(struct ls_event_header *header, __u32 type,
					const struct thread_state *thread, struct task_struct *task,
					__u64 now)
{
	header->type = type;
	header->slot = thread->slot;
	header->generation = thread->generation;
	header->tgid = task->tgid;
	header->tid = task->pid;
	header->reserved = 0;
	header->time_ns = now;
	header->turn_number = thread->turn_number;
}

#endif
