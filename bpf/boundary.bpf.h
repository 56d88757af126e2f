/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every hook of a turn boundary does, whatever the kind of hook, and by system call. */
#ifndef LOOPSTALL_BOUNDARY_BPF_H
#define LOOPSTALL_BOUNDARY_BPF_H

#include "plain_turns.bpf.h"

static __always_inline void run_wait_enter(__u32 kind, __s32 fd, __u32 max_events,
					   __s64 timeout_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct thread_state *thread = thread_of(task);

	if (kind != LS_WAIT_EPOLL || !enters_plain_wait(thread, task, fd, timeout_ns, now))
		on_wait_entered(kind, fd, max_events, timeout_ns);
	if (!thread)
		thread = thread_of(task); /* made for its first wait */
	if (thread)
		count_wait_run(&thread->enter_runs, LS_PROGRAM_WAIT_ENTER, now);
}

static __always_inline void run_wait_exit(__s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct thread_state *thread = thread_of(task);

	if (!thread)
		return;
	if (!leaves_plain_wait(thread, task, result, now))
		on_wait_left(result);
	count_wait_run(&thread->exit_runs, LS_PROGRAM_WAIT_EXIT, now);
}

static __always_inline void run_close(__s32 fd)
{
	struct run_timer timer;

	start_run(&timer, LS_PROGRAM_CLOSE);
	on_fd_close(fd);
	end_run(&timer);
}

/* By the registers with which the thread entered the kernel. */
static __always_inline void run_epoll_enter(struct pt_regs *regs, __u32 number)
{
	run_wait_enter(LS_WAIT_EPOLL, (__s32)syscall_argument(regs, 0),
		       (__u32)syscall_argument(regs, 2),
		       timeout_of_epoll(number, syscall_argument(regs, 3)));
}

static __always_inline void run_poll_enter(struct pt_regs *regs, __u32 number)
{
	run_wait_enter(LS_WAIT_POLL, -1, 0, timeout_of_poll(number, syscall_argument(regs, 2)));
}

static __always_inline void run_select_enter(struct pt_regs *regs, __u32 number)
{
	run_wait_enter(LS_WAIT_SELECT, -1, 0, timeout_of_select(number, syscall_argument(regs, 4)));
}

static __always_inline bool is_epoll_wait(__u32 number)
{
	return number == epoll_wait_number || number == epoll_pwait_number ||
	       number == epoll_pwait2_number;
}

static __always_inline bool is_poll(__u32 number)
{
	return number == poll_number || number == ppoll_number;
}

static __always_inline bool is_select(__u32 number)
{
	return number == select_number || number == pselect6_number;
}

#endif
