/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * All differences between kernels and architectures: nothing else tests for fields or versions.
 *
 * Fields of a task and of its saved registers are read by plain loads, which the verifier allows on
 * pointers of known type (a fault reads as 0): about 1 ns, where a call of bpf_probe_read_kernel is
 * 15. BPF_CORE_READ is for pointers that have lost their type.
 */
#ifndef LOOPSTALL_KERNEL_COMPAT_BPF_H
#define LOOPSTALL_KERNEL_COMPAT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Task states (include/linux/sched.h); they are masks and not in BTF. */
#define TASK_UNINTERRUPTIBLE_STATE 0x0002u
#define TASK_STOPPED_STATE 0x0004u
#define TASK_TRACED_STATE 0x0008u
#define TASK_FROZEN_STATE 0x8000u

/* 2f064a59a11f (5.14) renamed task_struct.state to __state. */
struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

static __always_inline __u32 task_state_field(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return (__u32)BPF_CORE_READ((struct task_struct___before_5_14 *)task, state);
}

/* Whether any program of this node ever kept something for this task (task storage, 5.11). */
static __always_inline bool may_have_state(struct task_struct *task)
{
	return !bpf_core_field_exists(task->bpf_storage) || task->bpf_storage;
}

/* Pages of executable mappings; /proc/PID/status shows them as VmExe + VmLib. */
static __always_inline __u64 code_pages_of(struct task_struct *task)
{
	return task->mm->exec_vm;
}

/* The cgroup v2 freezer sleeps interruptibly inside the call that it interrupted (76f969e8948d). */
#define JOBCTL_TRAP_FREEZE_BIT (1ul << 23)
static __always_inline bool is_frozen(struct task_struct *task)
{
	return task->jobctl & JOBCTL_TRAP_FREEZE_BIT;
}

/* The scheduler's own book of a task. Its run time is exact at a switch; else the last tick's. */
static __always_inline __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

static __always_inline __u64 run_time_of(struct task_struct *task)
{
	return task->se.sum_exec_runtime;
}

/*
 * What the scheduler's book says of a CPU quota when a thread leaves the CPU.
 * Since 6.18 ("sched/fair: Switch to task based throttle model") a task is throttled by itself, on
 * its way back to user mode, and its own flag says so; the run queue's count then only says that
 * others are. Before, the whole queue is, and how long is in its clock: which also shows a quota
 * that ran out after the thread had left.
 */
struct throttle_mark {
	__u64 queue;
	__u64 clock_ns;
	__u64 is_throttled;
};

/*
 * What throttled_clock_pelt_time was called while it counted another clock, up to 5.19. Later kernels of
 * a stable line may have the newer one: 5.10.262 has.
 */
struct cfs_rq___with_task_clock {
	u64 throttled_clock_task_time;
} __attribute__((preserve_access_index));

static __always_inline __u64 throttled_clock_of(struct cfs_rq *queue)
{
	struct cfs_rq___with_task_clock *older = (void *)queue;

	if (bpf_core_field_exists(queue->throttled_clock_pelt_time))
		return queue->throttled_clock_pelt_time;
	if (bpf_core_field_exists(older->throttled_clock_task_time))
		return BPF_CORE_READ(older, throttled_clock_task_time);
	return 0;
}

static __always_inline void mark_throttle(struct throttle_mark *mark, struct task_struct *task)
{
	struct cfs_rq *queue = NULL;

	mark->queue = 0;
	mark->clock_ns = 0;
	mark->is_throttled = 0;
	if (bpf_core_field_exists(task->throttled)) {
		mark->is_throttled = task->throttled;
		return;
	}
	/* Neither exists without CONFIG_CFS_BANDWIDTH. */
	if (!bpf_core_field_exists(task->se.cfs_rq) ||
	    !bpf_core_field_exists(queue->throttle_count))
		return;
	queue = task->se.cfs_rq;
	mark->queue = (__u64)queue;
	mark->clock_ns = throttled_clock_of(queue);
	mark->is_throttled = queue->throttle_count > 0;
}

/* How much of `waited_ns` in which it was runnable since the mark was the quota's doing. */
static __always_inline __u64 throttled_part(const struct throttle_mark *mark,
					    struct task_struct *task, __u64 waited_ns)
{
	struct throttle_mark now;

	if (bpf_core_field_exists(task->throttled))
		return mark->is_throttled ? waited_ns : 0;
	mark_throttle(&now, task);
	/* It runs on another CPU now: what its old queue did meanwhile is not its own time. */
	if (now.queue != mark->queue)
		return mark->is_throttled ? waited_ns : 0;
	if (now.clock_ns <= mark->clock_ns)
		return 0;
	return now.clock_ns - mark->clock_ns < waited_ns ? now.clock_ns - mark->clock_ns : waited_ns;
}

/* 319cf175f78f (5.11) turned file.f_ep_links (a list) into file.f_ep (a pointer to a list). */
static __always_inline struct hlist_node *first_watch_of(struct file *file)
{
	struct hlist_head *watches = NULL;

	if (bpf_core_field_exists(file->f_ep))
		watches = BPF_CORE_READ(file, f_ep);
	return watches ? BPF_CORE_READ(watches, first) : NULL;
}

#if defined(__TARGET_ARCH_x86)
/* In user mode, and after an exception, orig_ax is -1 (arch/x86/entry). */
static __always_inline __u32 syscall_of(struct pt_regs *regs)
{
	return (__u32)regs->orig_ax;
}
/* entry_64.S puts -ENOSYS there; the result replaces it before the work on the way back. */
static __always_inline bool is_inside_syscall(struct pt_regs *regs)
{
	return (__s64)regs->ax == -38;
}
static __always_inline __u64 syscall_argument(struct pt_regs *regs, int which)
{
	switch (which) {
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	case 3: return regs->r10;
	default: return regs->r8;
	}
}
static __always_inline __u64 thread_base_of(struct task_struct *task)
{
	return task->thread.fsbase;
}
/* 32-bit calls have numbers of their own. */
#define TS_COMPAT_FLAG 2
static __always_inline bool is_compat_syscall(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT_FLAG;
}
static __always_inline bool tick_in_user_mode(struct bpf_perf_event_data *ctx)
{
	/* The layout is the UAPI's; the field is 2 bytes wide since FRED (6.9), loads must be 8. */
	const volatile __u64 *cs = (void *)&ctx->regs + __builtin_offsetof(struct pt_regs, cs);

	return (*cs & 3) == 3;
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline __u32 syscall_of(struct pt_regs *regs)
{
	return (__u32)BPF_CORE_READ(regs, syscallno);
}
/* The registers do not tell. */
static __always_inline bool is_inside_syscall(struct pt_regs *regs)
{
	return false;
}
static __always_inline __u64 syscall_argument(struct pt_regs *regs, int which)
{
	/* regs[0] is overwritten by the result, orig_x0 is not. */
	switch (which) {
	case 0: return BPF_CORE_READ(regs, orig_x0);
	case 1: return BPF_CORE_READ(regs, regs[1]);
	case 2: return BPF_CORE_READ(regs, regs[2]);
	case 3: return BPF_CORE_READ(regs, regs[3]);
	default: return BPF_CORE_READ(regs, regs[4]);
	}
}
static __always_inline __u64 thread_base_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread.uw.tp_value);
}
static __always_inline bool is_compat_syscall(struct task_struct *task)
{
	return (BPF_CORE_READ((struct pt_regs *)bpf_task_pt_regs(task), pstate) & 0x10) != 0;
}
static __always_inline bool tick_in_user_mode(struct bpf_perf_event_data *ctx)
{
	return (ctx->regs.pstate & 0xf) == 0;
}
#else
#error "loopstall supports x86-64 and arm64"
#endif

/* bpf_task_pt_regs is 5.15 (dd6e10fbd9fb). */
static __always_inline struct pt_regs *user_regs_of(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

#endif
