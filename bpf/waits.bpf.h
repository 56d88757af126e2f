/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a thread waits on. An epoll wait is known by the epoll's file object. poll and select have
 * no object: such a wait is known by its signature, the code objects of the innermost frames of
 * the stack that waits. A loop's selector is called by the loop's own frame, a client's is not.
 */
#ifndef LOOPSTALL_WAITS_BPF_H
#define LOOPSTALL_WAITS_BPF_H

#include "causes.bpf.h"
#include "files.bpf.h"
#include "maps.bpf.h"
#include "python_walk.bpf.h"

#define SIGNATURE_STEPS 6 /* shim frames are not counted */
#define LIBUV_MAX_EVENTS 1024
#define AF_UNIX_FAMILY 1

struct wait {
	__u32 kind; /* enum ls_wait_kind */
	__s32 fd;   /* epoll: its number */
	__u32 max_events;
	__s64 timeout_ns; /* negative: none, or not known */
};

/*
 * 0 when a frame is unreadable: then nothing is known by it. Each code object goes in with its
 * check, for its address may have been another's. A global function: verified once.
 */
__noinline __u64 stack_signature(struct thread_state *thread, struct walk_buffers *buffers)
{
	const struct ls_python_layout *layout;
	__u64 state = 0, frame, code, hash = 14695981039346656037ull;
	__u32 row, size, step, check, count = 0;

	if (!thread || !buffers || !thread->thread_slot)
		return 0;
	row = thread->layout;
	layout = bpf_map_lookup_elem(&python_layouts, &row);
	if (!layout)
		return 0;
	if (bpf_probe_read_user(&state, sizeof(state), (void *)thread->thread_slot) || !state)
		return 0;
	size = layout->frame_size;
	frame = top_frame(state, layout);
	for (step = 0; step < SIGNATURE_STEPS && frame && count < LS_SIGNATURE_FRAMES; step++) {
		if (bpf_probe_read_user(buffers->frame, size & (FRAME_BUFFER - 1), (void *)frame))
			return 0;
		frame = field_u64(buffers->frame, layout->frame_previous);
		code = field_u64(buffers->frame, layout->frame_code) & ~layout->code_tag_mask;
		if (layout->frame_owner != ~0u &&
		    buffers->frame[layout->frame_owner & (FRAME_BUFFER - 1)] >= layout->skip_owner_from)
			continue;
		check = read_check(code, layout, buffers->code);
		if (!check)
			return 0;
		hash = (hash ^ code) * 1099511628211ull;
		hash = (hash ^ check) * 1099511628211ull;
		count++;
	}
	return count ? hash : 0;
}

/* The top bit is clear: no address of the kernel is like it. libuv's waits are told by their size. */
static __always_inline __u64 wait_signature(struct thread_state *thread, const struct wait *wait)
{
	struct walk_buffers *buffers = buffers_of(BUFFERS_OF_HOOKS);
	__u64 hash = buffers ? stack_signature(thread, buffers) : 0;

	if (!hash)
		return 0;
	hash ^= (__u64)wait->kind << 1 | (wait->max_events == LIBUV_MAX_EVENTS);
	return (hash >> 1) | 1;
}

/* 0: the descriptor is closed, or the stack cannot be read. */
static __always_inline __u64 object_of_wait(struct thread_state *thread, struct task_struct *task,
					    const struct wait *wait)
{
	if (wait->kind == LS_WAIT_EPOLL)
		return (__u64)task_file(task, wait->fd);
	return wait_signature(thread, wait);
}

/* ---- how long a wait may last -------------------------------------------------------------------- */

#define NO_TIMEOUT -1ll
#define MAX_TIMEOUT_SECONDS 1000000000ull

static __always_inline __s64 timeout_of_ms(__s32 ms)
{
	return ms < 0 ? NO_TIMEOUT : ms * 1000000ll;
}

/* A struct timespec or timeval of the caller; 0: it gave none. */
static __always_inline __s64 timeout_at(__u64 address, __u32 ns_per_unit)
{
	__u64 time[2];

	if (!address || bpf_probe_read_user(time, sizeof(time), (void *)address))
		return NO_TIMEOUT;
	if (time[0] > MAX_TIMEOUT_SECONDS || time[1] > 1000000000ull)
		return NO_TIMEOUT;
	return time[0] * 1000000000ull + time[1] * ns_per_unit;
}

static __always_inline __s64 timeout_of_epoll(__u32 number, __u64 argument)
{
	return number == epoll_pwait2_number ? timeout_at(argument, 1) : timeout_of_ms(argument);
}

static __always_inline __s64 timeout_of_poll(__u32 number, __u64 argument)
{
	return number == ppoll_number ? timeout_at(argument, 1) : timeout_of_ms(argument);
}

static __always_inline __s64 timeout_of_select(__u32 number, __u64 argument)
{
	return timeout_at(argument, number == pselect6_number ? 1 : 1000);
}

/* ---- what poll and select watch ------------------------------------------------------------------ */

struct polled_files {
	__u64 table;
	__u64 list;    /* poll: the pollfd array; select: the set of those to read */
	__u64 count;
	__s32 wake_fd; /* the first unix socket that does not listen: asyncio's self-pipe */
	__u32 listens;
};

static __always_inline void look_at_polled(struct polled_files *seen, __s32 fd)
{
	struct file *file = file_at((struct fdtable *)seen->table, fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT_) != S_IFSOCK_)
		return;
	socket = BPF_CORE_READ(file, private_data);
	if (BPF_CORE_READ(socket, sk, __sk_common.skc_state) == TCP_LISTEN_STATE)
		seen->listens = 1;
	else if (seen->wake_fd < 0 &&
		 BPF_CORE_READ(socket, sk, __sk_common.skc_family) == AF_UNIX_FAMILY)
		seen->wake_fd = fd;
}

/* Global functions, both, for the sake of their loops. */
__noinline int scan_poll(struct polled_files *seen)
{
	struct user_pollfd entry;
	__u32 i;

	if (!seen)
		return 0;
	for (i = 0; i < MAX_LISTEN_FDS && i < seen->count; i++) {
		if (bpf_probe_read_user(&entry, sizeof(entry),
					(void *)(seen->list + i * sizeof(entry))))
			break;
		if (entry.fd >= 0)
			look_at_polled(seen, entry.fd);
	}
	return 0;
}

__noinline int scan_select(struct polled_files *seen)
{
	__u64 word = 0;
	__u32 fd;

	if (!seen || !seen->list)
		return 0;
	for (fd = 0; fd < MAX_LISTEN_FDS && fd < seen->count; fd++) {
		if (!(fd & 63) && bpf_probe_read_user(&word, sizeof(word),
						      (void *)(seen->list + fd / 8)))
			break;
		if (word >> (fd & 63) & 1)
			look_at_polled(seen, fd);
	}
	return 0;
}

/* The task is inside that system call. */
static __always_inline void scan_polled(struct polled_files *seen, struct task_struct *task,
					__u32 kind)
{
	struct pt_regs *regs = user_regs_of(task);

	seen->table = (__u64)BPF_CORE_READ(task, files, fdt);
	seen->wake_fd = -1;
	seen->listens = 0;
	if (kind == LS_WAIT_POLL) {
		seen->list = syscall_argument(regs, 0);
		seen->count = syscall_argument(regs, 1);
		scan_poll(seen);
	} else {
		seen->count = syscall_argument(regs, 0);
		seen->list = syscall_argument(regs, 1);
		scan_select(seen);
	}
}

/* Whether the home wait, which the task is entering, watches a listening socket. */
static __always_inline bool home_serves(struct thread_state *thread, struct task_struct *task)
{
	struct polled_files seen = {};

	if (thread->home_kind == LS_WAIT_EPOLL)
		return waits_for_connections(task, thread->home_file);
	scan_polled(&seen, task, thread->home_kind);
	return seen.listens;
}

#endif
