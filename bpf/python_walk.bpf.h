/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Walks a CPython frame chain: one walker for all versions, which differ only in the row of
 * python_layouts. About 55 ns a frame (two reads of user memory, which never fault pages in).
 */
#ifndef LOOPSTALL_PYTHON_WALK_BPF_H
#define LOOPSTALL_PYTHON_WALK_BPF_H

#include "health.bpf.h"
#include "maps.bpf.h"

/* co_flags: CO_COROUTINE, CO_ITERABLE_COROUTINE (Include/cpython/code.h, the same since 3.5). */
#define COROUTINE_FLAGS 0x180u

/* A coroutine's frame lies within its object (3.11 and later). */
#define COROUTINE_BYTES 256
#define OBJECT_TYPE 8
/* All of a small int, where the page ends behind it. */
#define SHORT_NAME_BYTES 32

/* Fields lie at offsets below 120 of a 128-byte buffer: the mask is for the verifier. */
static __always_inline __u64 field_u64(const __u8 *buffer, __u32 offset)
{
	return *(const __u64 *)(buffer + (offset & 0x78));
}
static __always_inline __u32 field_u32(const __u8 *buffer, __u32 offset)
{
	return *(const __u32 *)(buffer + (offset & 0x7c));
}

static __always_inline __u64 top_frame(__u64 thread_state, const struct ls_python_layout *layout)
{
	__u64 address = 0;

	if (bpf_probe_read_user(&address, sizeof(address),
				(void *)(thread_state + layout->tstate_top_frame)))
		return 0;
	if (!layout->top_frame_is_indirect || !address)
		return address;
	address += layout->cframe_current_frame;
	if (bpf_probe_read_user(&address, sizeof(address), (void *)address))
		return 0;
	return address;
}

/* The code object from its flags to its name; a page of it may be absent: then check stays 0. */
static __always_inline __u32 read_check(__u64 code, const struct ls_python_layout *layout,
					__u8 *buffer)
{
	/* 3.8 to 3.10 have the flags at 36: what is read must begin where pointers are aligned. */
	__u32 from = layout->code_flags & ~7u;
	__u32 size = layout->code_name + 8 - from;

	if (size > CODE_BUFFER - 8)
		return 0;
	if (bpf_probe_read_user(buffer, size & (CODE_BUFFER - 1), (void *)(code + from)))
		return 0;
	return ls_code_check(field_u32(buffer, layout->code_firstlineno - from),
			     field_u32(buffer, layout->code_flags - from),
			     field_u64(buffer, layout->code_name - from));
}

static __always_inline __s32 instruction_of(const __u8 *frame, __u64 code,
					    const struct ls_python_layout *layout)
{
	__s32 lasti;

	if (layout->instruction_kind == LS_INSTRUCTION_POINTER)
		return (__s32)(field_u64(frame, layout->frame_instruction) - code -
			       layout->code_first_instruction);
	lasti = (__s32)field_u32(frame, layout->frame_instruction);
	return layout->instruction_kind == LS_LASTI_UNITS && lasti > 0 ? lasti * 2 : lasti;
}

/*
 * Fills event->frames, frame_count and walk_error with the chain of the PyThreadState at
 * `thread_state` (in the current task's address space). Bounded: a cycle ends at
 * LS_MAX_FRAMES. Shim frames stay in as frames without code, which user space drops: with a count
 * of its own beside `step`, the verifier would follow every combination of the two.
 * A global function: the verifier looks at its loop once, not once a caller's path.
 */
__noinline int walk_frames(__u64 thread_state, __u32 layout_row, struct ls_stack_event *event,
				  struct walk_buffers *buffers)
{
	const struct ls_python_layout *layout = bpf_map_lookup_elem(&python_layouts, &layout_row);
	__u32 size, step, error = LS_WALK_TOO_DEEP;
	__u64 frame, this_frame, code;

	if (!event || !buffers)
		return 0;
	event->frame_count = 0;
	event->coroutine = 0;
	if (!layout) {
		event->walk_error = LS_WALK_NO_PROCESS;
		goto out;
	}
	size = layout->frame_size;
	frame = top_frame(thread_state, layout);
	if (!frame) {
		event->walk_error = LS_WALK_NO_FRAME;
		goto out;
	}
	for (step = 0; step < LS_MAX_FRAMES; step++) {
		if (!frame) {
			error = LS_WALK_OK;
			break;
		}
		if (bpf_probe_read_user(buffers->frame, size & (FRAME_BUFFER - 1), (void *)frame)) {
			error = step ? LS_WALK_TRUNCATED : LS_WALK_NO_FRAME;
			break;
		}
		this_frame = frame;
		frame = field_u64(buffers->frame, layout->frame_previous);
		code = field_u64(buffers->frame, layout->frame_code) & ~layout->code_tag_mask;
		if (layout->frame_owner != ~0u &&
		    buffers->frame[layout->frame_owner & (FRAME_BUFFER - 1)] >= layout->skip_owner_from)
			code = 0;
		event->frames[step].code = code;
		event->frames[step].instruction = instruction_of(buffers->frame, code, layout);
		event->frames[step].check = read_check(code, layout, buffers->code);
		/* The last one stays: the outermost. Kept in memory, for in a register the verifier
		 * would follow it through every step. */
		if (event->frames[step].check &&
		    field_u32(buffers->code, layout->code_flags & 7) & COROUTINE_FLAGS)
			event->coroutine = this_frame;
	}
	event->frame_count = step;
	event->walk_error = error;
out:
	count_walk_error(event->walk_error);
	return 0;
}

static __always_inline void no_stack(struct ls_stack_event *event, __u32 error)
{
	event->frame_count = 0;
	event->coroutine = 0;
	event->walk_error = error;
	count_walk_error(error);
}

/* Tells the thread how to walk its own stack; false while its process is not described. */
static __always_inline bool learn_process(struct thread_state *thread, struct task_struct *task,
					  const struct ls_process *process)
{
	__u64 base = thread_base_of(task);
	__u64 slot = base + process->thread_slot_offset;

	if (!base)
		return false;
	if (process->thread_slot_is_indirect) {
		if (bpf_probe_read_user(&slot, sizeof(slot), (void *)slot))
			return false;
		slot += process->thread_slot_index_bytes;
	}
	thread->thread_slot = slot;
	thread->gil = process->gil;
	thread->gc_collecting = process->gc_collecting;
	thread->libc = process->libc;
	thread->layout = process->layout;
	return true;
}

/* When its thread is known to be a loop: the module that has the tasks is imported by then. */
static __always_inline void learn_tasks(struct thread_state *thread,
					const struct ls_process *process)
{
	thread->running_task = process->running_task;
	thread->task_name = process->task_name;
	thread->task_coroutine = process->task_coroutine;
	thread->text_type = process->text_type;
	thread->number_type = process->number_type;
}

/*
 * The name of the thread's running asyncio task, if that is what runs the outermost coroutine of
 * the stack just walked. At this moment: read later, the object may be another's.
 */
static __always_inline void read_task(const struct thread_state *thread, __u64 state,
				      struct ls_stack_event *event)
{
	__u64 task = 0, coroutine = 0, name = 0, type = 0;
	__u32 kind = LS_TASK_TEXT;

	if (!thread->running_task || !event->coroutine)
		return;
	if (bpf_probe_read_user(&task, sizeof(task), (void *)(state + thread->running_task)) || !task)
		return;
	if (bpf_probe_read_user(&coroutine, sizeof(coroutine),
				(void *)(task + thread->task_coroutine)) ||
	    event->coroutine - coroutine >= COROUTINE_BYTES)
		return;
	if (bpf_probe_read_user(&name, sizeof(name), (void *)(task + thread->task_name)) ||
	    bpf_probe_read_user(&type, sizeof(type), (void *)(name + OBJECT_TYPE)))
		return;
	if (type == thread->number_type)
		kind = LS_TASK_NUMBER;
	else if (type != thread->text_type)
		return;
	/* What cannot be read is zeros. */
	if (bpf_probe_read_user(event->task_name, sizeof(event->task_name), (void *)name) &&
	    bpf_probe_read_user(event->task_name, SHORT_NAME_BYTES, (void *)name))
		return;
	event->task_kind = kind;
}

/* The current thread's own stack. */
static __always_inline void walk_own_stack(struct thread_state *thread,
					   struct ls_stack_event *event,
					   struct walk_buffers *buffers)
{
	__u64 state = 0;

	event->task_kind = LS_TASK_UNKNOWN;
	if (!thread->thread_slot) {
		if (thread->layout == LS_NO_LAYOUT)
			event->frame_count = 0;
		else
			no_stack(event, LS_WALK_NO_TLS);
		return;
	}
	if (bpf_probe_read_user(&state, sizeof(state), (void *)thread->thread_slot) || !state) {
		no_stack(event, LS_WALK_NO_THREAD_STATE);
		return;
	}
	walk_frames(state, thread->layout, event, buffers);
	read_task(thread, state, event);
}

/*
 * Whether a collection runs in the interpreter: who runs meanwhile is the thread that collects, but
 * for the moments in which a finalizer lets go of the GIL.
 */
static __always_inline bool is_collecting(const struct thread_state *thread)
{
	__u32 collecting = 0;

	return thread->gc_collecting &&
	       !bpf_probe_read_user(&collecting, sizeof(collecting),
				    (void *)thread->gc_collecting) &&
	       collecting;
}

struct gil_view {
	__u64 holder;
	__u64 switches;
	__u32 locked;
};

static __always_inline bool read_gil(__u64 gil, const struct ls_python_layout *layout,
				     struct gil_view *view)
{
	return !bpf_probe_read_user(&view->holder, sizeof(view->holder),
				    (void *)(gil + layout->gil_last_holder)) &&
	       !bpf_probe_read_user(&view->switches, sizeof(view->switches),
				    (void *)(gil + layout->gil_switch_number)) &&
	       !bpf_probe_read_user(&view->locked, sizeof(view->locked),
				    (void *)(gil + layout->gil_locked));
}

/*
 * The stack of the thread that holds the GIL, read from the waiter (same address space) while the
 * holder runs: discarded when the GIL changed hands meanwhile, or when the holder is the waiter.
 */
static __always_inline void walk_gil_holder(struct thread_state *thread,
					    struct ls_stack_event *event,
					    struct walk_buffers *buffers)
{
	__u32 row = thread->layout;
	const struct ls_python_layout *layout = bpf_map_lookup_elem(&python_layouts, &row);
	struct gil_view before = {}, after = {};
	__u64 own = 0;

	if (!layout || !thread->gil || !read_gil(thread->gil, layout, &before) || !before.locked ||
	    !before.holder) {
		no_stack(event, LS_WALK_GIL_FREE);
		return;
	}
	bpf_probe_read_user(&own, sizeof(own), (void *)thread->thread_slot);
	if (own == before.holder) {
		no_stack(event, LS_WALK_HOLDER_IS_WAITER);
		return;
	}
	walk_frames(before.holder, row, event, buffers);
	event->flags = is_collecting(thread) ? LS_STACK_IN_GC : 0;
	if (!read_gil(thread->gil, layout, &after) || after.holder != before.holder ||
	    after.switches != before.switches)
		no_stack(event, LS_WALK_CHANGED);
}

#endif
