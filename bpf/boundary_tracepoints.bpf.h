/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Turn boundaries by tracepoints. Their cost is on every system call of the machine. */
#ifndef LOOPSTALL_BOUNDARY_TRACEPOINTS_BPF_H
#define LOOPSTALL_BOUNDARY_TRACEPOINTS_BPF_H

#include "boundary.bpf.h"

/*
 * Ladder step "tracepoint": each is attached to the per-syscall tracepoints of epoll_wait,
 * epoll_pwait and epoll_pwait2 (probes/hook_steps.cc). What they cost every other system call of
 * the node: docs/performance.md.
 */
SEC("tracepoint")
int on_wait_enter(struct trace_event_raw_sys_enter *ctx)
{
	run_wait_enter(LS_WAIT_EPOLL, ctx->args[0], ctx->args[2],
		       timeout_of_epoll(ctx->id, ctx->args[3]));
	return 0;
}

/* Attached while a loop that waits in poll or select is known (on_wait_exit then, too). */
SEC("tracepoint")
int on_poll_enter(struct trace_event_raw_sys_enter *ctx)
{
	run_wait_enter(LS_WAIT_POLL, -1, 0, timeout_of_poll(ctx->id, ctx->args[2]));
	return 0;
}

SEC("tracepoint")
int on_select_enter(struct trace_event_raw_sys_enter *ctx)
{
	run_wait_enter(LS_WAIT_SELECT, -1, 0, timeout_of_select(ctx->id, ctx->args[4]));
	return 0;
}

SEC("tracepoint")
int on_wait_exit(struct trace_event_raw_sys_exit *ctx)
{
	run_wait_exit(ctx->ret);
	return 0;
}

SEC("tracepoint")
int on_close(struct trace_event_raw_sys_enter *ctx)
{
	run_close(ctx->args[0]);
	return 0;
}

/*
 * Ladder step "tp_btf": where tracefs cannot be mounted. Runs on every system call of the node:
 * about 25 ns a side, whatever the filter.
 */
SEC("tp_btf/sys_enter")
int BPF_PROG(on_syscall_enter, struct pt_regs *regs, long id)
{
	__u32 number = (__u32)id;

	if (is_compat_syscall(bpf_get_current_task_btf()))
		return 0;
	if (is_epoll_wait(number))
		run_epoll_enter(regs, number);
	else if (number == close_number)
		run_close((__s32)syscall_argument(regs, 0));
	else if (polls_are_watched && is_poll(number))
		run_poll_enter(regs, number);
	else if (polls_are_watched && is_select(number))
		run_select_enter(regs, number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_syscall_exit, struct pt_regs *regs, long result)
{
	__u32 number = syscall_of(regs);

	if (is_compat_syscall(bpf_get_current_task_btf()))
		return 0;
	if (is_epoll_wait(number))
		run_wait_exit(result);
	else if (polls_are_watched &&
		 (is_poll(number) || is_select(number) || number == restart_syscall_number))
		run_wait_exit(result);
	return 0;
}

#endif
