/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Load-time configuration, maps, and the state of a thread. */
#ifndef LOOPSTALL_MAPS_BPF_H
#define LOOPSTALL_MAPS_BPF_H

#include "kernel_compat.bpf.h"
#include "wire/wire.h"

/* Set once before load; what is false here is removed by the verifier as dead code. */
const volatile __u64 stall_threshold_ns = 100000000;
const volatile __u64 min_block_ns = 1000000;
const volatile __u64 startup_limit_ns = 120000000000ull;
/* System calls of this architecture; ~0u where it does not have one. */
const volatile __u32 epoll_wait_number = ~0u;
const volatile __u32 epoll_pwait_number = ~0u;
const volatile __u32 epoll_pwait2_number = ~0u;
const volatile __u32 close_number = ~0u;
const volatile __u32 poll_number = ~0u;
const volatile __u32 ppoll_number = ~0u;
const volatile __u32 select_number = ~0u;
const volatile __u32 pselect6_number = ~0u;
const volatile __u32 restart_syscall_number = ~0u;
/* Written by user space while the programs run. */
volatile __u32 detail; /* enum ls_detail */
/* Set while a loop that waits in poll or select is known: those calls are common. */
bool polls_are_watched;
/* fa2c3254d7cf (5.18) gave sched_switch its fourth argument, the state at the switch. */
const volatile bool sched_switch_has_state = true;

enum thread_status {
	THREAD_NEW,       /* nothing known */
	THREAD_IGNORED,   /* of a process without loops: until it execs or maps other code */
	THREAD_CANDIDATE, /* waits for user space's verdict on `candidate_file` */
	THREAD_LOOP,      /* has a home wait and a slot */
	THREAD_SEEDED,    /* a loop older than the agent, not yet taken over by its own hooks */
};

/* Who changes a thread's account just now, so that its switches leave it alone: see enter_hook(). */
enum hook_owner { IN_NO_HOOK, IN_ITS_HOOK, HELD_ASLEEP };

#define REJECTED_FILES 4

enum off_cpu_stack { NO_STACK, STACK_TAKEN, STACK_LEFT_OUT };

/*
 * State of a thread, in task storage: it follows the task across CPUs and dies with it. Written
 * only by the thread's own hooks and context switches, but for tick_... (the tick's).
 */
struct thread_state {
	/* What every turn touches comes first, in as few cache lines as may be. */
	__u32 status;
	__u32 slot;
	__u32 generation;
	__s32 home_fd;
	__u64 home_file; /* epoll: the file object; poll and select: the signature of the stack */
	__u32 home_kind; /* enum ls_wait_kind */
	__u32 phase;
	__u32 in_home_wait;
	__u32 in_turn;
	__u32 turn_flags;
	__u32 turn_has_events;
	__u32 ended_stall; /* the turn before this home wait was a stall */
	__u32 home_interrupted; /* poll: restart_syscall goes on with the home wait */
	__u32 in_hook; /* enum hook_owner */
	__u32 hook_preemptions; /* since `switches` was compared with the scheduler's count */
	__u32 enter_runs; /* of the hooks of waits: count_wait_run() */
	__u32 exit_runs;

	__u64 turn_start_ns;
	__u64 turn_number;
	__u64 tick_turn_number;
	__u64 wait_run_delay; /* sched_info.run_delay when it last went to sleep in the home wait */
	struct throttle_mark wait_throttle; /* at the same moment */
	__u64 wait_enter_ns;
	__u64 timer_due_ns; /* when its next timer is due, by the home waits' time-outs; 0: none */
	__u64 accounted_ns;
	__u64 switches; /* switch-outs that were seen: the scheduler's own count may be more */
	/* The scheduler's book at accounted_ns, to account for those that were not. */
	__u64 ran_ns;

	__u64 waited_ns;
	__u32 off_cpu; /* an off-CPU span is open, or closed and not yet settled */
	__u32 off_preempted;
	__u64 turn_is_mixed; /* there is more in turn_cause_ns than LS_CPU */
	__u64 turn_cause_ns[LS_CAUSES];

	__u64 off_end_ns;
	__u64 off_run_delay;
	struct throttle_mark off_throttle;
	__u32 off_cause;
	__u32 off_syscall;
	__u32 off_fd_kind;
	__u32 off_has_stack; /* enum off_cpu_stack */
	__u32 wait_cause; /* of the last wait in a system call: restart_syscall resumes it */
	__u32 wait_syscall;
	__u32 wait_fd_kind;
	__u32 runtime;

	__u64 cell_position_ns; /* in the current cell of short off-CPU time */
	__u64 cell_target_ns;   /* the cell's random point */

	__u64 thread_slot; /* address of the pthread slot that holds the PyThreadState, 0 unknown */
	__u64 gil;
	__u64 gc_collecting;
	__u32 libc;
	__u32 layout;
	__u32 tick_count; /* of tick_turn_number */
	__u32 tick_gc_count; /* of these, inside the cyclic collector */
	__u32 running_task; /* see struct ls_process */
	__u32 task_name;
	__u32 task_coroutine;
	__u32 switches_unwatched; /* since `switches` was noted: what its turn does is not known */
	__u64 text_type;
	__u64 number_type;

	__u64 birth_ns;
	__u64 startup_since_ns; /* the birth of the first loop of its process */
	__u64 listen_check_ns;
	__u64 listen_checks; /* how many so far */

	__u64 asked_ns; /* when user space was last asked about this thread */
	__u64 question; /* number of the question that is open */
	__u64 questions_since_ns;
	__u32 questions;
	__u32 next_rejected;
	__u64 candidate_file;
	__s32 candidate_fd;
	__u32 candidate_kind;
	/* What it did since its first wait, before the verdict; all of it is startup. */
	__u64 early_idle_ns;
	__u64 early_startup_ns;
	__u64 early_cause_ns[LS_CAUSES];
	__u64 announced_ns;
	__u64 ignored_code_pages;
	__u64 rejected_files[REJECTED_FILES];
	__u64 rejected_ns[REJECTED_FILES];

	__u32 seed_in_turn;
	__u32 seed_off_cpu;
	__u64 seed_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} thread_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ls_slot);
} loop_slots SEC(".maps");

/* The stack of each loop's open off-CPU span: readable while a loop hangs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ls_stack_event);
} loop_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ls_stack_event);
} holder_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} loop_events SEC(".maps");

struct {
	/* Preallocated, like verdicts: tracing programs must not allocate or free (up to 6.0). */
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct ls_process);
} processes SEC(".maps");

struct {
	/* Answers that their threads never fetch are pushed out by newer ones. */
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ls_verdict_key);
	__type(value, struct ls_verdict);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct ls_seed);
} seeds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ls_signature);
	__type(value, struct ls_remembered);
} wait_signatures SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 256);
	__type(value, struct ls_spare);
} spare_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_PYTHON_LAYOUTS);
	__type(key, __u32);
	__type(value, struct ls_python_layout);
} python_layouts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_MAX_SYSCALLS);
	__type(key, __u32);
	__type(value, __u32);
} syscall_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ls_health);
} health SEC(".maps");

/* Which of a CPU's sets of buffers: a tick or a switch may interrupt a hook that is using its own. */
enum buffer_user { BUFFERS_OF_HOOKS, BUFFERS_OF_SWITCH, BUFFERS_OF_TICK, BUFFER_USERS };

#define FRAME_BUFFER 128
#define CODE_BUFFER 128

struct walk_buffers {
	__u8 frame[FRAME_BUFFER];
	__u8 code[CODE_BUFFER];
	struct ls_stack_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BUFFER_USERS);
	__type(key, __u32);
	__type(value, struct walk_buffers);
} walk_buffers SEC(".maps");

static __always_inline struct walk_buffers *buffers_of(__u32 user)
{
	return bpf_map_lookup_elem(&walk_buffers, &user);
}

static __always_inline struct thread_state *thread_of(struct task_struct *task)
{
	return bpf_task_storage_get(&thread_states, task, NULL, 0);
}

/* NULL once user space has given the slot to another loop. */
static __always_inline struct ls_slot *slot_of(struct thread_state *thread)
{
	__u32 index = thread->slot;
	struct ls_slot *slot = bpf_map_lookup_elem(&loop_slots, &index);

	return slot && slot->generation == thread->generation ? slot : NULL;
}

#endif
