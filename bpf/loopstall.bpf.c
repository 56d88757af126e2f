// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The entry points, each with why this hook and what it costs. All logic is in the headers. */
#include "loops.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The hooks of turn boundaries: one set of them is attached, by the hook ladder. */
#include "boundary_functions.bpf.h"
#include "boundary_tracepoints.bpf.h"

/* Everything inside a turn. Between threads of which nothing was ever noted: two loads. */
SEC("tp_btf/sched_switch")
int on_sched_switch(__u64 *ctx)
{
	bool preempted = (bool)ctx[0];
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	struct run_timer timer;
	__u32 state;
	__u64 now;

	start_run(&timer, LS_PROGRAM_SWITCH);
	if (!may_have_state(prev) && !may_have_state(next))
		goto out;
	now = bpf_ktime_get_ns();
	if (sched_switch_has_state)
		state = (__u32)ctx[3];
	else
		state = task_state_field(prev);
	on_switch_out(prev, preempted, state, now);
	on_switch_in(next, now);
out:
	end_run(&timer);
	return 0;
}

static __always_inline void count_tick(struct thread_state *thread, bool in_gc)
{
	if (thread->tick_turn_number != thread->turn_number) {
		thread->tick_turn_number = thread->turn_number;
		thread->tick_count = 0;
		thread->tick_gc_count = 0;
	}
	thread->tick_count++;
	if (in_gc)
		thread->tick_gc_count++;
}

/* A software clock, per CPU: 1.4-3 us a hit on a loop in a turn, a task-storage miss on all else. */
SEC("perf_event")
int on_tick(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = thread_of(task);
	struct walk_buffers *buffers;
	struct ls_stack_event *event;
	struct run_timer timer;

	start_run(&timer, LS_PROGRAM_TICK);
	if (!thread)
		goto out;
	/* One that computes from its first turn on meets no hook that could fetch its answer. */
	if (thread->status == THREAD_CANDIDATE && thread->in_hook == IN_NO_HOOK)
		take_verdict(thread, task, bpf_ktime_get_ns());
	if (thread->status != THREAD_LOOP || !thread->in_turn)
		goto out;
	if (!wants_stack())
		goto out;
	buffers = buffers_of(BUFFERS_OF_TICK);
	if (!buffers)
		goto out;
	event = &buffers->event;
	walk_own_stack(thread, event, buffers);
	fill_header(&event->header, LS_EVENT_TICK, thread, task, bpf_ktime_get_ns());
	event->cause = LS_CPU;
	event->syscall = LS_NO_SYSCALL;
	if (!tick_in_user_mode(ctx)) {
		event->syscall = syscall_of(user_regs_of(task));
		if (event->syscall >= LS_MAX_SYSCALLS)
			event->syscall = LS_NO_SYSCALL;
	}
	event->flags = is_collecting(thread) ? LS_STACK_IN_GC : 0;
	count_tick(thread, event->flags & LS_STACK_IN_GC);
	send_event(event, stack_event_size(event), LS_LOST_TICK);
out:
	end_run(&timer);
	return 0;
}

static __always_inline void send_process_event(struct task_struct *task, __u32 type)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct ls_event_header event = {
		.type = type,
		.tgid = tgid,
		.tid = BPF_CORE_READ(task, pid),
		.time_ns = bpf_ktime_get_ns(),
	};

	/* Of the end of processes that were never described nobody needs to know. */
	if (bpf_map_delete_elem(&processes, &tgid) && type == LS_EVENT_PROCESS_EXIT)
		return;
	if (bpf_ringbuf_output(&loop_events, &event, sizeof(event), BPF_RB_NO_WAKEUP))
		count_loss(LS_LOST_LIFECYCLE);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_process_exec, struct task_struct *task)
{
	struct run_timer timer;

	start_run(&timer, LS_PROGRAM_LIFECYCLE);
	on_exec(bpf_get_current_task_btf(), bpf_ktime_get_ns());
	send_process_event(task, LS_EVENT_PROCESS_EXEC);
	end_run(&timer);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_process_exit, struct task_struct *task)
{
	struct run_timer timer;

	start_run(&timer, LS_PROGRAM_LIFECYCLE);
	on_thread_exit(bpf_get_current_task_btf(), bpf_ktime_get_ns());
	if (!BPF_CORE_READ(task, signal, live.counter))
		send_process_event(task, LS_EVENT_PROCESS_EXIT);
	end_run(&timer);
	return 0;
}

/* Run by user space after it has filled the map seeds: see docs/architecture.md, "Seeding". */
SEC("iter/task")
int seed_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread_state *thread;
	struct ls_seed *seed;
	__u32 tid;

	if (!task)
		return 0;
	tid = task->pid;
	seed = bpf_map_lookup_elem(&seeds, &tid);
	if (!seed)
		return 0;
	if (seed->tgid == (__u32)task->tgid && seed->only_answer) {
		thread = thread_of(task);
		if (thread)
			give_answer(thread, task);
	} else if (seed->tgid == (__u32)task->tgid) {
		thread = bpf_task_storage_get(&thread_states, task, NULL,
					      BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!thread)
			count_loss(LS_LOST_THREAD_STATE);
		else
			plant_seed(thread, task, seed);
	}
	bpf_map_delete_elem(&seeds, &tid);
	return 0;
}
