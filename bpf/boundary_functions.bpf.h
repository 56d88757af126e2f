/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Turn boundaries at the functions of the system calls themselves, which only their callers pay.
 * Those are the 64-bit calls: 32-bit programs enter by other functions.
 */
#ifndef LOOPSTALL_BOUNDARY_FUNCTIONS_BPF_H
#define LOOPSTALL_BOUNDARY_FUNCTIONS_BPF_H

#include "boundary.bpf.h"

/*
 * Ladder step "fentry". A program is for one function, which probes/hook_steps.cc gives it before
 * it is loaded: its name depends on the architecture.
 */
#define ENTRY(call, run)                                        \
	SEC("fentry")                                           \
	int BPF_PROG(enter_##call, struct pt_regs *regs)        \
	{                                                       \
		run(regs, call##_number);                       \
		return 0;                                       \
	}

#define EXIT(call)                                                         \
	SEC("fexit")                                                       \
	int BPF_PROG(exit_##call, struct pt_regs *regs, long result)       \
	{                                                                  \
		run_wait_exit(result);                                     \
		return 0;                                                  \
	}

ENTRY(epoll_wait, run_epoll_enter)
EXIT(epoll_wait)
ENTRY(epoll_pwait, run_epoll_enter)
EXIT(epoll_pwait)
ENTRY(epoll_pwait2, run_epoll_enter)
EXIT(epoll_pwait2)
/* Attached while a loop that waits in poll or select is known. */
ENTRY(poll, run_poll_enter)
EXIT(poll)
ENTRY(ppoll, run_poll_enter)
EXIT(ppoll)
ENTRY(select, run_select_enter)
EXIT(select)
ENTRY(pselect6, run_select_enter)
EXIT(pselect6)

/* The function behind restart_syscall that goes on with an interrupted poll. */
SEC("fexit")
int BPF_PROG(exit_restart_poll, struct restart_block *block, long result)
{
	run_wait_exit(result);
	return 0;
}

SEC("fentry")
int BPF_PROG(enter_close, struct pt_regs *regs)
{
	run_close((__s32)syscall_argument(regs, 0));
	return 0;
}

/*
 * Ladder step "kprobe", only on demand: each return probe that waits takes one of a few instances,
 * and where all are taken, ends of waits are missed (docs/decisions/0019).
 */
SEC("kprobe")
int on_wait_function(struct pt_regs *ctx)
{
	struct pt_regs *regs = user_regs_of(bpf_get_current_task_btf());
	__u32 number = syscall_of(regs);

	if (is_epoll_wait(number))
		run_epoll_enter(regs, number);
	else if (is_poll(number))
		run_poll_enter(regs, number);
	else if (is_select(number))
		run_select_enter(regs, number);
	return 0;
}

SEC("kretprobe")
int on_wait_function_left(struct pt_regs *ctx)
{
	run_wait_exit(PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe")
int on_close_function(struct pt_regs *ctx)
{
	run_close((__s32)syscall_argument(user_regs_of(bpf_get_current_task_btf()), 0));
	return 0;
}

#endif
