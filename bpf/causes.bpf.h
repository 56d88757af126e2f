/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why a thread leaves the CPU: from its state and its saved registers. No system-call hook is
 * needed; the number and arguments of the call that it sleeps in are in its registers.
 */
#ifndef LOOPSTALL_CAUSES_BPF_H
#define LOOPSTALL_CAUSES_BPF_H

#include "files.bpf.h"
#include "maps.bpf.h"

struct off_cpu_reason {
	__u32 cause;
	__u32 syscall;
	__u32 fd_kind;
};

struct user_pollfd {
	__s32 fd;
	__s16 events;
	__s16 revents;
};

#define NO_FD -1
#define UNREADABLE -2
#define MAX_POLLED 8
#define MAX_SET_WORDS 16

/* An epoll instance among the waited for stands for what it watches. */
static __always_inline __u32 kind_behind(__s32 fd)
{
	__u64 file = (__u64)task_file(bpf_get_current_task_btf(), fd);
	__u32 kind = kind_of_file(file);

	return kind == LS_FD_EPOLL ? watched_kind(file) : kind;
}

/*
 * The most telling kind of the first MAX_POLLED descriptors; LS_FD_NONE, a sleep, when there are
 * none. Global functions, these three: the verifier looks at their loops once, not once a caller's
 * path.
 */
__noinline int polled_kind(__u64 array, __u64 count)
{
	__u32 i, best = LS_FD_NONE;
	struct user_pollfd entry;

	for (i = 0; i < MAX_POLLED && i < count; i++) {
		if (bpf_probe_read_user(&entry, sizeof(entry), (void *)(array + i * sizeof(entry))))
			return UNREADABLE;
		if (entry.fd >= 0)
			best = more_telling(best, kind_behind(entry.fd));
		if (best == LS_FD_SOCKET)
			break;
	}
	return best;
}

/* The first descriptor of the set that is not below `from`. */
__noinline int next_in_set(__u64 set, __u64 count, __u32 from)
{
	__u32 i, bit, base;
	__u64 word;

	for (i = 0; i < MAX_SET_WORDS; i++) {
		base = (from / 64 + i) * 64;
		if (base >= count)
			return NO_FD;
		if (bpf_probe_read_user(&word, sizeof(word), (void *)(set + base / 8)))
			return UNREADABLE;
		if (!i)
			word &= ~0ull << (from & 63);
		if (!word)
			continue;
		/* Binary search for the lowest bit: there is no such BPF instruction. */
		bit = 0;
		if (!(word & 0xffffffff)) { bit += 32; word >>= 32; }
		if (!(word & 0xffff)) { bit += 16; word >>= 16; }
		if (!(word & 0xff)) { bit += 8; word >>= 8; }
		if (!(word & 0xf)) { bit += 4; word >>= 4; }
		if (!(word & 0x3)) { bit += 2; word >>= 2; }
		if (!(word & 0x1)) bit += 1;
		return base + bit < count ? base + bit : NO_FD;
	}
	return NO_FD;
}

__noinline int selected_kind(__u64 set, __u64 count)
{
	__u32 i, from = 0, best = LS_FD_NONE;
	int fd;

	for (i = 0; i < MAX_POLLED && set; i++) {
		fd = next_in_set(set, count, from);
		if (fd < 0)
			return fd == UNREADABLE ? UNREADABLE : best;
		best = more_telling(best, kind_behind(fd));
		if (best == LS_FD_SOCKET)
			break;
		from = fd + 1;
	}
	return best;
}

static __always_inline int kind_of_select(struct pt_regs *regs)
{
	__u64 count = syscall_argument(regs, 0);
	int reads = selected_kind(syscall_argument(regs, 1), count);
	int writes = selected_kind(syscall_argument(regs, 2), count);
	int excepts = selected_kind(syscall_argument(regs, 3), count);

	if (reads < 0 || writes < 0 || excepts < 0)
		return UNREADABLE;
	return more_telling(more_telling(reads, writes), excepts);
}

static __always_inline void reason_by_file(struct off_cpu_reason *reason, struct file *file)
{
	__u32 kind = file_kind(file);

	reason->fd_kind = kind;
	if (kind == LS_FD_EPOLL) {
		kind = watched_kind((__u64)file);
		reason->cause = kind == LS_FD_NONE ? LS_SLEEP : cause_of_kind(kind);
		return;
	}
	reason->cause = cause_of_kind(kind);
}

static __always_inline void reason_by_kind(struct off_cpu_reason *reason, int kind)
{
	if (kind == UNREADABLE)
		return;
	reason->fd_kind = kind;
	reason->cause = kind == LS_FD_NONE ? LS_SLEEP : cause_of_kind(kind);
}

/*
 * musl's waiter sleeps on a word of its own stack: the barrier of its node in the list that the
 * condition variable's _c_head begins (src/thread/pthread_cond_timedwait.c). A global function, as
 * above.
 */
#define MUSL_COND_HEAD 8
#define MUSL_WAITER_NEXT 8
#define MUSL_WAITER_BARRIER 20
#define MAX_MUSL_WAITERS 8
__noinline int waits_on_musl_cond(__u64 cond, __u64 address)
{
	__u64 waiter = 0;
	__u32 i;

	if (bpf_probe_read_user(&waiter, sizeof(waiter), (void *)(cond + MUSL_COND_HEAD)))
		return 0;
	for (i = 0; i < MAX_MUSL_WAITERS && waiter; i++) {
		if (address == waiter + MUSL_WAITER_BARRIER)
			return 1;
		if (bpf_probe_read_user(&waiter, sizeof(waiter),
					(void *)(waiter + MUSL_WAITER_NEXT)))
			return 0;
	}
	return 0;
}

/* Whether a futex word is one of the GIL's: its two conditions and their mutexes. */
static __always_inline bool is_in_gil(const struct thread_state *thread, __u64 address)
{
	__u32 row = thread->layout;
	const struct ls_python_layout *layout;

	if (!thread->gil)
		return false;
	layout = bpf_map_lookup_elem(&python_layouts, &row);
	if (!layout)
		return false;
	if (address >= thread->gil + layout->gil_first_word &&
	    address < thread->gil + layout->gil_size)
		return true;
	return thread->libc == LS_LIBC_MUSL &&
	       (waits_on_musl_cond(thread->gil + layout->gil_cond, address) ||
		waits_on_musl_cond(thread->gil + layout->gil_switch_cond, address));
}

/* Of a call whose number alone tells it; LS_OTHER where its arguments do, or nothing. */
static __always_inline __u32 cause_of_rule(__u32 rule)
{
	switch (rule) {
	case LS_RULE_SLEEP: return LS_SLEEP;
	case LS_RULE_NETWORK: return LS_NETWORK;
	case LS_RULE_FILE: return LS_FILE;
	case LS_RULE_LOCK: return LS_LOCK;
	case LS_RULE_PROCESS: return LS_PROCESS;
	case LS_RULE_MEMORY: return LS_PAGEFAULT;
	default: return LS_OTHER;
	}
}

static __always_inline __u32 cause_of_futex(const struct thread_state *thread,
					    struct pt_regs *regs)
{
	return is_in_gil(thread, syscall_argument(regs, 0)) ? LS_GIL : LS_LOCK;
}

/* A global function, verified once; the thread that leaves the CPU is the current one. */
__noinline int reason_of_syscall(struct off_cpu_reason *reason, struct thread_state *thread)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = user_regs_of(task);
	__u32 number, *rule;

	if (!reason || !thread)
		return 0;
	number = reason->syscall;
	rule = bpf_map_lookup_elem(&syscall_rules, &number);
	switch (rule ? *rule : LS_RULE_OTHER) {
	case LS_RULE_FD:
	case LS_RULE_EPOLL:
		reason_by_file(reason, task_file(task, (__s32)syscall_argument(regs, 0)));
		break;
	case LS_RULE_FD_OUT:
		reason_by_file(reason, task_file(task, (__s32)syscall_argument(regs, 1)));
		break;
	case LS_RULE_FUTEX:
		reason->cause = cause_of_futex(thread, regs);
		break;
	case LS_RULE_POLL:
		reason_by_kind(reason, polled_kind(syscall_argument(regs, 0), syscall_argument(regs, 1)));
		break;
	case LS_RULE_SELECT:
		/* A program may select without descriptors: an old form of sleep. */
		reason_by_kind(reason, kind_of_select(regs));
		break;
	case LS_RULE_RESTART:
		/* Its arguments are those of the interrupted call: it inherits that wait's cause. */
		reason->cause = thread->wait_cause;
		reason->syscall = thread->wait_syscall;
		reason->fd_kind = thread->wait_fd_kind;
		break;
	default:
		if (rule)
			reason->cause = cause_of_rule(*rule);
	}
	thread->wait_cause = reason->cause;
	thread->wait_syscall = reason->syscall;
	thread->wait_fd_kind = reason->fd_kind;
	return 0;
}

static __always_inline bool is_stopped(struct task_struct *task, __u32 state)
{
	return state & (TASK_STOPPED_STATE | TASK_TRACED_STATE | TASK_FROZEN_STATE) ||
	       is_frozen(task);
}

/* States are masks (TASK_FREEZABLE may be set); preemption first, then stops, then the call. */
static __always_inline void reason_for_leaving(struct off_cpu_reason *reason,
					       struct thread_state *thread, struct task_struct *task,
					       bool preempted, __u32 state)
{
	struct pt_regs *regs = user_regs_of(task);

	reason->syscall = syscall_of(regs);
	reason->fd_kind = LS_FD_NONE;
	reason->cause = LS_OTHER;
	if (reason->syscall >= LS_MAX_SYSCALLS)
		reason->syscall = LS_NO_SYSCALL;
	if (preempted || !state) {
		reason->cause = thread->off_throttle.is_throttled ? LS_THROTTLED : LS_RUNQUEUE;
		return;
	}
	if (is_stopped(task, state)) {
		reason->cause = LS_STOPPED;
		return;
	}
	if (reason->syscall == LS_NO_SYSCALL) {
		if (state & TASK_UNINTERRUPTIBLE_STATE)
			reason->cause = LS_PAGEFAULT;
		return;
	}
	reason_of_syscall(reason, thread);
}

#endif
