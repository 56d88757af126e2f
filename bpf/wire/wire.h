/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire: everything that BPF programs and user space both read. No other header is shared.
 * Fixed-width types, explicit padding, a tag first in each event. Times are nanoseconds of
 * CLOCK_MONOTONIC unless a name says otherwise.
 */
#ifndef LOOPSTALL_WIRE_H
#define LOOPSTALL_WIRE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define LS_ASSERT(condition) static_assert(condition, #condition)
#else
#define LS_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Where a turn's time went. User space has the same numbers in stalls/cause.h. */
enum ls_cause {
	LS_CPU,
	LS_RUNQUEUE,
	LS_THROTTLED,
	LS_SLEEP,
	LS_NETWORK,
	LS_FILE,
	LS_PIPE,
	LS_LOCK,
	LS_GIL,
	LS_PROCESS,
	LS_PAGEFAULT,
	LS_STOPPED,
	LS_GC,
	LS_OTHER,
	LS_CAUSES,
};

/* What a file descriptor is; names for records are in probes/syscalls.cc. */
enum ls_fd_kind {
	LS_FD_NONE,
	LS_FD_SOCKET,
	LS_FD_FILE,
	LS_FD_DIRECTORY,
	LS_FD_BLOCK_DEVICE,
	LS_FD_PIPE,
	LS_FD_CHARACTER_DEVICE,
	LS_FD_EVENTFD,
	LS_FD_EPOLL,
	LS_FD_TIMERFD,
	LS_FD_OTHER,
	LS_FD_KINDS,
};

/* How a system call's wait gets its cause: rows of the map syscall_rules. */
enum ls_syscall_rule {
	LS_RULE_OTHER,
	LS_RULE_SLEEP,
	LS_RULE_NETWORK,
	LS_RULE_FILE,
	LS_RULE_LOCK,
	LS_RULE_PROCESS,
	LS_RULE_MEMORY,
	LS_RULE_FD,      /* by the kind of the descriptor in the first argument */
	LS_RULE_FD_OUT,  /* the same, second argument (splice-like calls that wait for their output) */
	LS_RULE_FUTEX,   /* gil when the word lies inside the GIL, else lock */
	LS_RULE_POLL,    /* first descriptor of the pollfd array */
	LS_RULE_SELECT,  /* first descriptor of the sets */
	LS_RULE_EPOLL,   /* a descriptor watched by the epoll instance */
	LS_RULE_RESTART, /* restart_syscall: the cause of the wait that it resumes */
};

#define LS_MAX_SYSCALLS 512
#define LS_MAX_FRAMES 128
#define LS_SYSCALL_ENTRIES 32 /* a power of two */
#define LS_BUCKETS 15
#define LS_NO_SYSCALL 0xffffffffu

/* ---- slots: the account of one loop, mmap-able ---------------------------------------------- */

enum ls_slot_state {
	LS_SLOT_FREE,
	LS_SLOT_IDLE,    /* in its home wait since accounted_ns */
	LS_SLOT_RUNNING, /* in a turn, on a CPU (or just switched in) */
	LS_SLOT_OFF_CPU, /* in a turn, off the CPU since accounted_ns for current_cause */
	LS_SLOT_ENDED,
};

enum ls_phase { LS_STARTUP, LS_SERVING };

#define LS_TURN_AT_LEAST 1u /* the turn began before it was seen */

struct ls_turn_bucket {
	__u64 count;
	__u64 ns; /* of these turns together */
};

struct ls_syscall_time {
	__u32 number_plus_one; /* 0: unused entry */
	__u32 reserved;
	__u64 blocked_ns;
};

/*
 * Written by the loop's own thread (its hooks, and its context switches under the run-queue lock:
 * serialised by the kernel); read by user space, which repeats while seq is odd or has changed.
 */
struct ls_slot {
	__u64 seq;
	__u32 state;
	__u32 generation;
	__u64 birth_ns;
	__u64 accounted_ns;   /* every accumulator is complete up to this instant */
	__u64 switched_in_ns; /* not 0: off-CPU from accounted_ns until then, on a CPU since */
	__u32 current_cause;
	__u32 current_syscall;
	__u64 turn_start_ns; /* 0 while idle */
	__u64 turn_number;
	__u32 phase;
	__u32 turn_flags;
	__u64 idle_ns;
	__u64 startup_ns;
	__u64 ready_events;
	__u64 delayed_events;
	__u64 busy_ns[LS_CAUSES];
	struct ls_turn_bucket turn_buckets[LS_BUCKETS]; /* turns after startup */
	__u64 timer_lag_buckets[LS_BUCKETS]; /* after startup */
	__u64 timer_lag_sum_ns;
	__u64 stalls[LS_CAUSES];
	__u64 stall_ns[LS_CAUSES];
	struct ls_syscall_time syscalls[LS_SYSCALL_ENTRIES];
	__u64 syscall_other_ns; /* beyond LS_SYSCALL_ENTRIES different system calls */
};
LS_ASSERT(sizeof(struct ls_slot) == 1328);

/* ---- stacks ---------------------------------------------------------------------------------- */

struct ls_frame {
	__u64 code;        /* address of the code object; 0: a frame to skip */
	__s32 instruction; /* byte offset from its first instruction; negative before the first */
	__u32 check;       /* ls_code_check, or 0 when the code object could not be read */
};
LS_ASSERT(sizeof(struct ls_frame) == 16);

/* Guards user space's cache against a code object's address being used again. */
static inline __u32 ls_code_check(__u32 firstlineno, __u32 flags, __u64 name)
{
	return firstlineno * 2654435761u ^ flags * 2246822519u ^ (__u32)(name >> 4);
}

enum ls_walk_error {
	LS_WALK_OK,
	LS_WALK_NO_PROCESS,      /* the process is not (or no longer) described */
	LS_WALK_NO_TLS,          /* the thread has no pthread base yet */
	LS_WALK_NO_THREAD_STATE, /* the pthread slot is empty or unreadable */
	LS_WALK_NO_FRAME,        /* no frame at all, or the first is unreadable */
	LS_WALK_TRUNCATED,       /* an outer frame is unreadable: the inner ones are kept */
	LS_WALK_TOO_DEEP,        /* more than LS_MAX_FRAMES: the inner ones are kept */
	LS_WALK_CHANGED,         /* another thread's stack moved while it was read */
	LS_WALK_GIL_FREE,        /* nobody held the GIL when its holder was looked for */
	LS_WALK_HOLDER_IS_WAITER, /* the waiter itself held it last */
	LS_WALK_OVER_BUDGET,      /* left out on purpose: see enum ls_detail */
	LS_WALK_ERRORS,
};

/* ---- events ---------------------------------------------------------------------------------- */

enum ls_event_type {
	LS_EVENT_ANNOUNCE = 1, /* a thread of a process not yet described waits on an epoll */
	LS_EVENT_CANDIDATE,    /* a thread of a described process waits on an epoll not yet judged */
	LS_EVENT_BLOCK,        /* an off-CPU span inside a turn, with its stack */
	LS_EVENT_HOLDER,       /* the GIL holder's stack for the BLOCK that follows */
	LS_EVENT_TICK,         /* the clock found the loop's thread running inside a turn */
	LS_EVENT_TURN_END,     /* a turn ended that was a stall or had events */
	LS_EVENT_DELAYED,      /* descriptors found ready by the home wait that ended a stall */
	LS_EVENT_LOOP_END,
	LS_EVENT_PROCESS_EXIT,
	LS_EVENT_PROCESS_EXEC, /* of every process: a new program may hold a loop soon */
	LS_EVENT_LOOP_BEGIN,   /* a loop whose wait was judged before: it needed no question */
	LS_EVENT_UNHEARD,      /* what was asked about is over, and no answer was fetched */
};

struct ls_event_header {
	__u32 type;
	__u32 slot;
	__u32 generation;
	__u32 tgid;
	__u32 tid;
	__u32 reserved;
	__u64 time_ns;
	__u64 turn_number;
};
LS_ASSERT(sizeof(struct ls_event_header) == 40);

#define LS_STACK_IN_GC 1u /* the interpreter's cyclic collector was at work */

/* What the name of an asyncio task is: set by somebody, or the N of Task-N. */
enum ls_task_kind { LS_TASK_UNKNOWN, LS_TASK_TEXT, LS_TASK_NUMBER };

/* The start of a str: its header (up to 56 bytes), and as many characters as fit. */
#define LS_TASK_NAME_BYTES 104

/*
 * BLOCK, HOLDER, TICK and CANDIDATE; sent cut behind frame_count. A CANDIDATE whose question is 0
 * asks about waits with its signature, and not whether its thread is a loop.
 */
struct ls_stack_event {
	struct ls_event_header header;
	__u64 start_ns;     /* BLOCK: when it left the CPU; CANDIDATE: the question's number, see below */
	__u64 blocked_ns;   /* BLOCK: waiting for `cause`; without the wait for a CPU */
	__u64 runqueue_ns;  /* BLOCK: then waiting for a CPU, without the next */
	__u64 weight_ns;    /* BLOCK: 0 = exact; else it stands for this much short off-CPU time */
	__u64 coroutine;    /* frame of the outermost coroutine: who it is among those alive; 0: none */
	__u64 signature;    /* CANDIDATE: of the stack that waits, 0 unknown; see wait_signatures */
	__u64 throttled_ns; /* BLOCK: kept from a CPU by the quota of its cgroup */
	__u32 cause;
	__u32 syscall;      /* LS_NO_SYSCALL outside system calls */
	__u32 fd_kind;
	__s32 fd;           /* CANDIDATE: its number */
	__u32 max_events;   /* CANDIDATE */
	__u32 walk_error;
	__u32 frame_count;
	__u32 flags;        /* LS_STACK_... */
	__u32 wait_kind;    /* CANDIDATE: enum ls_wait_kind */
	__u32 task_kind;    /* enum ls_task_kind; of the coroutine's task */
	__u8 task_name[LS_TASK_NAME_BYTES]; /* the object's first bytes */
	struct ls_frame frames[LS_MAX_FRAMES];
};
LS_ASSERT(sizeof(struct ls_stack_event) ==
	  40 + 56 + 40 + LS_TASK_NAME_BYTES + 16 * LS_MAX_FRAMES);

struct ls_turn_event {
	struct ls_event_header header; /* TURN_END: time_ns is the end */
	__u64 start_ns;
	__u64 cause_ns[LS_CAUSES];
	__u32 phase;
	__u32 flags;
	__u32 is_long; /* at or above the stall threshold: a stall, unless in startup */
	__u32 dominant_cause;
};

struct ls_delayed_event {
	struct ls_event_header header;
	__u64 count;
};

/* LOOP_END: the unfinished turn, which is no turn, and its time by cause. */
struct ls_loop_end_event {
	struct ls_event_header header;
	__u64 turn_start_ns; /* 0 when it ended idle */
	__u64 cause_ns[LS_CAUSES];
	__u32 reason;        /* enum ls_loop_end */
	/* The rest is of a turn that the thread's exit cut off. */
	__u32 phase;
	__u32 flags;
	__u32 is_long; /* at or above the stall threshold */
	__u32 dominant_cause;
	__u32 exit_code; /* as wait(2) gives it: the signal, or the status << 8 */
};

enum ls_loop_end { LS_END_CLOSED, LS_END_EXEC, LS_END_EXIT };

/* UNHEARD: its whole account, in case that the answer is, or was, "home". */
struct ls_unheard_event {
	struct ls_event_header header;
	__u64 question;
	__u64 idle_ns;
	__u64 startup_ns;
	__u64 busy_ns[LS_CAUSES];
};

/* LOOP_BEGIN: header.slot is the one that its thread had before, or a spare one. */
struct ls_loop_begin_event {
	struct ls_event_header header;
	__u32 runtime;   /* as user space remembered it with the wait */
	__u32 wait_kind; /* enum ls_wait_kind */
};

/* ---- what user space tells the programs ------------------------------------------------------ */

/* Offsets of one CPython minor version, or of one build, in bytes; a row of python_layouts. */
struct ls_python_layout {
	__u32 tstate_top_frame;
	__u32 top_frame_is_indirect; /* the top frame is at *(tstate + tstate_top_frame) + cframe_current_frame */
	__u32 cframe_current_frame;
	__u32 frame_size; /* bytes that hold every field below */
	__u32 frame_code;
	__u32 frame_previous;
	__u32 frame_instruction;
	__u32 frame_owner; /* 0xffffffff: the version has none */
	__u32 skip_owner_from;
	__u32 instruction_kind; /* enum ls_instruction_kind */
	__u64 code_tag_mask;    /* bits of the code pointer that are tags */
	__u32 code_flags;
	__u32 code_firstlineno;
	__u32 code_name;
	__u32 code_first_instruction;
	__u32 gil_size;
	__u32 gil_first_word;
	__u32 gil_locked;
	__u32 gil_last_holder;
	__u32 gil_switch_number;
	__u32 gil_cond;        /* pthread_cond_t that waiters for the GIL sleep on */
	__u32 gil_switch_cond; /* that who gave it up on request sleeps on */
	__u32 reserved;
};

enum ls_instruction_kind { LS_LASTI_BYTES, LS_LASTI_UNITS, LS_INSTRUCTION_POINTER };

/* The rows below this are the versions' own, by minor number; above are those of single builds. */
#define LS_VERSION_LAYOUTS 16
#define LS_PYTHON_LAYOUTS 64
#define LS_NO_LAYOUT 0xffffffffu /* of a native thread */

enum ls_process_kind { LS_PROCESS_IGNORED = 1, LS_PROCESS_PYTHON };

/* One process, by thread-group id in the initial pid namespace; a row of the map processes. */
struct ls_process {
	__u64 start_boottime_ns; /* of its main thread, cut to 10 ms as in /proc: guards against pid reuse */
	__u32 kind;
	__u32 layout; /* row of python_layouts */
	__u64 gil;    /* address of the GIL structure, 0 if unknown */
	__u64 gc_collecting; /* address of the int that is 1 while a collection runs, 0 if unknown */
	__s64 thread_slot_offset; /* of the thread-state slot from the pthread base */
	__u32 thread_slot_is_indirect;
	__u32 thread_slot_index_bytes; /* added after the indirection */
	__u32 libc;   /* enum ls_libc */
	/* Where a thread keeps its running asyncio task, and that its name and its coroutine. */
	__u32 running_task; /* 0: not known */
	__u32 task_name;
	__u32 task_coroutine;
	__u64 text_type;    /* the types that a task's name can have: str and int */
	__u64 number_type;
	/* IGNORED: it is announced again after look_again_ns if it has mapped other code since. */
	__u64 code_pages;
	__u64 look_again_ns;
	__u64 image;         /* of its code objects' addresses: another at each description */
	__u64 first_loop_ns; /* written by the programs: startup is counted from there */
};
LS_ASSERT(sizeof(struct ls_process) == 112);

enum ls_libc { LS_LIBC_OTHER, LS_LIBC_MUSL };

/* What a thread waits in. */
enum ls_wait_kind { LS_WAIT_EPOLL, LS_WAIT_POLL, LS_WAIT_SELECT };

/*
 * A wait that was judged, by the innermost frames of the stack that waits. It spares the next
 * loop of the program the question; for poll and select it also tells the home wait from others.
 */
#define LS_SIGNATURE_FRAMES 3

struct ls_signature {
	__u64 image;
	__u64 hash;
};

struct ls_remembered {
	__u32 kind; /* enum ls_verdict_kind */
	__u32 runtime;
};

/* A prepared slot for a loop that begins without a question; an element of spare_slots. */
struct ls_spare {
	__u32 slot;
	__u32 generation;
};

struct ls_verdict_key {
	__u32 tgid;
	__u32 tid;
};

enum ls_verdict_kind { LS_VERDICT_HOME = 1, LS_VERDICT_NOT_HOME };

struct ls_verdict {
	__u32 kind;
	__u32 slot;
	__u32 generation;
	__u32 runtime;
	__u64 question; /* which question of that thread it answers: file objects' addresses return */
};

/* A loop that existed before the agent, by tid; read by the iterator seed_threads. */
struct ls_seed {
	__u32 tgid;
	__u32 slot;
	__u32 generation;
	__s32 home_fd; /* -1: in a turn, home not known */
	__u32 in_turn;
	__u32 cause; /* of the wait it is in, when in a turn and off the CPU */
	__u32 runtime;
	__u32 is_native; /* it runs no Python: there are no frames to walk */
	__u32 only_answer; /* it asked: it gets its answer, and nothing here but tgid counts */
	__u32 reserved;
	__u64 time_ns;
	__u64 switches; /* of the thread's, just before that; 0: not known */
};

/* How much is measured; user space lowers it while its cost is over the budget. */
enum ls_detail {
	LS_DETAIL_FULL,
	LS_DETAIL_FEWER_STACKS, /* one of LS_STACKS_LEFT_OUT + 1, at random */
	LS_DETAIL_NO_STACKS,
	LS_DETAIL_TURNS, /* context switches are not hooked: of a turn only its length is known */
};
#define LS_STACKS_LEFT_OUT 7u /* a power of two, less one */

/* ---- counters -------------------------------------------------------------------------------- */

enum ls_loss {
	LS_LOST_BLOCK,
	LS_LOST_HOLDER,
	LS_LOST_TICK,
	LS_LOST_TURN_END,
	LS_LOST_DISCOVERY,
	LS_LOST_LIFECYCLE,
	LS_LOST_THREAD_STATE, /* no memory for a thread's state */
	LS_LOST_SEEDED_TURN,  /* a turn begun before the agent whose home wait is not known */
	LS_LOST_BOUNDARY,     /* a turn's begin or end was seen late, at the next sleep */
	LS_LOST_SWITCH,       /* a context switch was not seen: what it hid is from the scheduler's book */
	LS_LOST_LOOP_BEGIN,   /* no spare slot for a loop that began without a question: it asks */
	LS_LOSSES,
};

enum ls_program {
	LS_PROGRAM_WAIT_ENTER,
	LS_PROGRAM_WAIT_EXIT,
	LS_PROGRAM_CLOSE,
	LS_PROGRAM_SWITCH,
	LS_PROGRAM_TICK,
	LS_PROGRAM_LIFECYCLE,
	LS_PROGRAMS,
};

struct ls_program_cost {
	__u64 runs;
	__u64 timed_runs;
	__u64 timed_ns;
};

/* Per CPU, in the map health. */
struct ls_health {
	__u64 losses[LS_LOSSES];
	__u64 walk_errors[LS_WALK_ERRORS];
	struct ls_program_cost programs[LS_PROGRAMS];
};

#endif
