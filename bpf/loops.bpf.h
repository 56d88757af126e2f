/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which thread is a loop: a verdict of user space on a thread and what it waits on. It ends
 * with that object (close), with the program (exec) and with the thread (exit). A wait that is
 * like one that was judged before in the same program (waits.bpf.h) needs no question.
 */
#ifndef LOOPSTALL_LOOPS_BPF_H
#define LOOPSTALL_LOOPS_BPF_H

#include "account.bpf.h"

#define ERESTART_RESTARTBLOCK 516 /* include/linux/errno.h */
#define ASK_AGAIN_NS 1000000000ull /* an unanswered question is asked again after this */
#define MAX_QUESTIONS 20 /* in that time */
#define REJECTION_NS 10000000000ull /* a freed file object's address may come back as another's */

static __always_inline bool is_same_process(struct task_struct *task, const struct ls_process *process)
{
	/* /proc shows the start time in ticks of 10 ms: a pid used again differs by more. */
	__u64 start = task->group_leader->start_boottime;

	return start / 10000000ull == process->start_boottime_ns / 10000000ull;
}

static __always_inline struct ls_process *process_of(struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct ls_process *process = bpf_map_lookup_elem(&processes, &tgid);

	return process && is_same_process(task, process) ? process : NULL;
}

static __always_inline void announce(struct thread_state *thread, struct task_struct *task, __u64 now)
{
	struct ls_event_header event = {};

	if (thread->announced_ns && now - thread->announced_ns < ASK_AGAIN_NS)
		return;
	thread->announced_ns = now;
	fill_header(&event, LS_EVENT_ANNOUNCE, thread, task, now);
	send_urgent_event(&event, sizeof(event), LS_LOST_DISCOVERY);
}

static __always_inline void send_candidate(struct thread_state *thread, struct task_struct *task,
					   const struct wait *wait, __u64 question,
					   __u64 now)
{
	__u64 signature = wait_signature(thread, wait);
	struct walk_buffers *buffers = buffers_of(BUFFERS_OF_HOOKS);
	struct ls_stack_event *event;

	if (!buffers)
		return;
	event = &buffers->event;
	walk_own_stack(thread, event, buffers);
	fill_header(&event->header, LS_EVENT_CANDIDATE, thread, task, now);
	event->start_ns = question;
	event->signature = signature;
	event->wait_kind = wait->kind;
	event->fd = wait->fd;
	event->max_events = wait->max_events;
	event->cause = LS_OTHER;
	event->syscall = LS_NO_SYSCALL;
	event->flags = 0;
	send_urgent_event(event, stack_event_size(event), LS_LOST_DISCOVERY);
}

static __always_inline bool is_rejected(const struct thread_state *thread, __u64 file, __u64 now)
{
	int i;

	for (i = 0; i < REJECTED_FILES; i++)
		if (thread->rejected_files[i] == file && now - thread->rejected_ns[i] < REJECTION_NS)
			return true;
	return false;
}

static __always_inline void note_rejected(struct thread_state *thread, __u64 file, __u64 now)
{
	__u32 at = thread->next_rejected++ % REJECTED_FILES;

	thread->rejected_files[at] = file;
	thread->rejected_ns[at] = now;
}

static __always_inline void reject(struct thread_state *thread, __u64 file, __u64 now)
{
	note_rejected(thread, file, now);
	thread->status = THREAD_NEW;
	thread->candidate_file = 0;
	thread->asked_ns = 0;
	clear_turn(thread);
}

/*
 * Imports are over some time after the first loop of a process began. Counted from its own birth, a
 * loop that lives for one job would never leave startup.
 */
static __always_inline void start_phase(struct thread_state *thread, struct ls_process *process)
{
	thread->startup_since_ns = thread->birth_ns;
	if (process && !process->first_loop_ns)
		process->first_loop_ns = thread->birth_ns;
	if (process && process->first_loop_ns < thread->birth_ns)
		thread->startup_since_ns = process->first_loop_ns;
	thread->phase = LS_STARTUP;
	if (thread->birth_ns - thread->startup_since_ns >= startup_limit_ns)
		thread->phase = LS_SERVING;
}

/*
 * The loop's life begins at the first wait on its home. What happened since then was accounted in
 * the thread's own state and moves into the slot. A slot may go from a thread's loop to its next.
 */
static __always_inline void become_loop(struct thread_state *thread, struct task_struct *task,
					struct ls_slot *slot)
{
	struct ls_process *process = process_of(task);
	__u32 cause;

	start_phase(thread, process);
	if (process)
		learn_tasks(thread, process);
	write_begin(slot);
	thread->status = THREAD_LOOP;
	thread->home_file = thread->candidate_file;
	thread->home_kind = thread->candidate_kind;
	thread->home_fd = thread->candidate_fd;
	thread->asked_ns = 0;
	thread->listen_checks = 0;
	thread->ended_stall = 0;
	thread->in_home_wait = !thread->in_turn;
	thread->cell_position_ns = 0;
	thread->cell_target_ns = 0;
	slot->generation = thread->generation;
	if (!slot->turn_number)
		slot->birth_ns = thread->birth_ns;
	slot->phase = thread->phase;
	slot->idle_ns += thread->early_idle_ns;
	slot->startup_ns += thread->early_startup_ns;
	for (cause = 0; cause < LS_CAUSES; cause++)
		slot->busy_ns[cause] += thread->early_cause_ns[cause] + thread->turn_cause_ns[cause];
	if (thread->in_turn) {
		show_turn(thread, slot);
	} else {
		slot->accounted_ns = thread->accounted_ns;
		slot->switched_in_ns = 0;
		slot->state = LS_SLOT_IDLE;
		slot->turn_start_ns = 0;
	}
	write_end(slot);
}

/* True once user space has answered with "home"; an answer "not home" ends the question. */
static __always_inline bool take_verdict(struct thread_state *thread, struct task_struct *task,
					 __u64 now)
{
	struct ls_verdict_key key = {
		.tgid = task->tgid,
		.tid = task->pid,
	};
	struct ls_verdict *verdict = bpf_map_lookup_elem(&verdicts, &key);
	struct ls_slot *slot;
	bool is_home, is_answer;

	if (!verdict)
		return false;
	is_answer = verdict->question == thread->question;
	is_home = verdict->kind == LS_VERDICT_HOME;
	if (is_answer) {
		thread->slot = verdict->slot;
		thread->generation = verdict->generation;
		thread->runtime = verdict->runtime;
	}
	bpf_map_delete_elem(&verdicts, &key);
	if (!is_answer)
		return false;
	slot = slot_of(thread);
	if (!is_home || !slot) {
		reject(thread, thread->candidate_file, now);
		return false;
	}
	become_loop(thread, task, slot);
	return true;
}

/* On waits like this one; `object` is what object_of_wait() says of it. */
static __always_inline struct ls_remembered *remembered_verdict(struct thread_state *thread,
								const struct ls_process *process,
								const struct wait *wait, __u64 object)
{
	__u64 signature = wait->kind == LS_WAIT_EPOLL ? wait_signature(thread, wait) : object;
	struct ls_signature key = { .image = process->image, .hash = signature };

	return signature ? bpf_map_lookup_elem(&wait_signatures, &key) : NULL;
}

/*
 * A thread whose loop ended goes on in the slot that it had, unless user space has taken that back
 * (both by exchange of the state); any other takes a spare one.
 */
static __always_inline struct ls_slot *take_slot(struct thread_state *thread, __u32 runtime)
{
	struct ls_slot *slot = slot_of(thread);
	struct ls_spare spare;

	if (slot && thread->runtime == runtime &&
	    __sync_val_compare_and_swap(&slot->state, LS_SLOT_ENDED, LS_SLOT_IDLE) == LS_SLOT_ENDED) {
		thread->turn_number = slot->turn_number;
		return slot;
	}
	if (bpf_map_pop_elem(&spare_slots, &spare)) {
		count_loss(LS_LOST_LOOP_BEGIN);
		return NULL;
	}
	thread->slot = spare.slot;
	thread->generation = spare.generation;
	thread->runtime = runtime;
	return slot_of(thread);
}

/* User space was not told of the loop that was to be in it. is_own: it was the last loop's. */
static __always_inline void give_back_slot(struct thread_state *thread, struct ls_slot *slot,
					   bool is_own)
{
	struct ls_spare spare = { .slot = thread->slot, .generation = thread->generation };

	if (is_own) {
		slot->state = LS_SLOT_ENDED;
		return;
	}
	bpf_map_push_elem(&spare_slots, &spare, BPF_ANY);
	thread->generation = 0;
}

/* True when the wait is like one that was judged before: then the thread is a loop, or it is not. */
static __always_inline bool judge_by_signature(struct thread_state *thread,
					       struct task_struct *task,
					       struct ls_process *process, const struct wait *wait,
					       __u64 now)
{
	struct ls_loop_begin_event event = {};
	struct ls_remembered *verdict;
	struct ls_slot *slot;
	__u32 generation;

	if (!learn_process(thread, task, process))
		return false;
	verdict = remembered_verdict(thread, process, wait, thread->candidate_file);
	if (!verdict)
		return false;
	if (verdict->kind != LS_VERDICT_HOME) {
		reject(thread, thread->candidate_file, now);
		return true;
	}
	generation = thread->generation;
	slot = take_slot(thread, verdict->runtime);
	if (!slot)
		return false;
	fill_header(&event.header, LS_EVENT_LOOP_BEGIN, thread, task, now);
	event.runtime = thread->runtime;
	event.wait_kind = wait->kind;
	if (!send_event(&event, sizeof(event), LS_LOST_LIFECYCLE)) {
		give_back_slot(thread, slot, thread->generation == generation);
		return false;
	}
	become_loop(thread, task, slot);
	return true;
}

/* A process that ends inside a turn of the threshold and more: nothing else will tell of it. */
static __always_inline void tell_last_turn(const struct thread_state *thread, struct ls_slot *slot,
					   struct task_struct *task,
					   struct ls_loop_end_event *event, __u64 now)
{
	__u64 length = span(thread->turn_start_ns, now);
	__u32 dominant = dominant_cause(thread);

	event->phase = thread->phase;
	event->flags = thread->turn_flags;
	event->dominant_cause = dominant;
	event->exit_code = BPF_CORE_READ(task, exit_code);
	event->is_long = is_long_turn(thread, length);
	if (event->is_long && thread->phase == LS_SERVING)
		count_stall(slot, dominant, length);
}

static __always_inline void end_loop(struct thread_state *thread, struct task_struct *task,
				     __u32 reason, __u64 now)
{
	struct walk_buffers *buffers = buffers_of(BUFFERS_OF_HOOKS);
	struct ls_slot *slot = slot_of(thread);
	struct ls_loop_end_event *event;

	if (!buffers) /* of each CPU there are some */
		return;
	event = (struct ls_loop_end_event *)&buffers->event;
	__builtin_memset(event, 0, sizeof(*event));
	if (slot) {
		write_begin(slot);
		if (thread->in_turn)
			account_running(thread, slot, task, now);
		else
			slot->idle_ns += span(thread->accounted_ns, now);
		if (thread->in_turn && reason == LS_END_EXIT)
			tell_last_turn(thread, slot, task, event, now);
		slot->accounted_ns = now;
		slot->state = LS_SLOT_ENDED;
		slot->turn_start_ns = 0;
		write_end(slot);
	}
	split_gc(thread);
	fill_header(&event->header, LS_EVENT_LOOP_END, thread, task, now);
	event->turn_start_ns = thread->in_turn ? thread->turn_start_ns : 0;
	__builtin_memcpy(event->cause_ns, thread->turn_cause_ns, sizeof(event->cause_ns));
	event->reason = reason;
	send_event(event, sizeof(*event), LS_LOST_LIFECYCLE);
	clear_turn(thread);
	thread->status = THREAD_NEW;
	thread->home_file = 0;
	thread->home_fd = -1;
	thread->home_kind = LS_WAIT_EPOLL;
	thread->candidate_file = 0;
	thread->in_home_wait = 0;
	thread->timer_due_ns = 0;
	thread->asked_ns = 0;
	thread->off_cpu = 0;
}

/* Takes over a loop that is older than the agent, at the first hook that meets its thread. */
static __always_inline void adopt_seed(struct thread_state *thread, struct task_struct *task,
				       __u64 now)
{
	struct ls_slot *slot = slot_of(thread);

	if (!slot)
		return;
	write_begin(slot);
	thread->status = THREAD_LOOP;
	thread->asked_ns = 0;
	thread->accounted_ns = thread->seed_ns;
	clear_turn(thread);
	thread->off_cpu = 0;
	slot->birth_ns = thread->birth_ns;
	slot->accounted_ns = thread->seed_ns;
	slot->phase = thread->phase;
	if (thread->seed_in_turn) {
		begin_turn(thread, slot, task, thread->seed_ns, 0, 0);
		thread->turn_flags = LS_TURN_AT_LEAST;
		slot->turn_flags = LS_TURN_AT_LEAST;
		if (thread->seed_off_cpu) {
			show_no_stack(thread);
			/* Whichever hook this is, it runs again: the switch-in itself may have met
			 * the thread before it was a seed. */
			thread->off_cpu = 1;
			thread->off_end_ns = now;
			thread->off_preempted = 0;
			thread->off_has_stack = NO_STACK;
			slot->switched_in_ns = now;
			slot->current_cause = thread->off_cause;
			slot->current_syscall = thread->off_syscall;
		}
	} else {
		thread->in_home_wait = 1;
		slot->state = LS_SLOT_IDLE;
		slot->turn_start_ns = 0;
		slot->turn_flags = 0;
		slot->turn_number = thread->turn_number;
	}
	write_end(slot);
}

/* ---- what the hooks call ------------------------------------------------------------------------ */

/* Its closing ends the loop; 0x7fffffff, which no descriptor has, where there is none. */
static __always_inline __s32 wake_fd_of_poll(struct task_struct *task, __u32 kind)
{
	struct polled_files seen = {};

	scan_polled(&seen, task, kind);
	return seen.wake_fd < 0 ? 0x7fffffff : seen.wake_fd;
}

static __always_inline void start_candidacy(struct thread_state *thread, struct task_struct *task,
					    __u64 file, const struct wait *wait, __u64 now)
{
	clear_turn(thread);
	__builtin_memset(thread->early_cause_ns, 0, sizeof(thread->early_cause_ns));
	thread->early_idle_ns = 0;
	thread->early_startup_ns = 0;
	thread->status = THREAD_CANDIDATE;
	thread->candidate_file = file;
	thread->candidate_kind = wait->kind;
	thread->candidate_fd = wait->fd;
	if (wait->kind != LS_WAIT_EPOLL)
		thread->candidate_fd = wake_fd_of_poll(task, wait->kind);
	thread->question = now;
	thread->asked_ns = 0;
	thread->turn_number = 0;
	thread->tick_turn_number = 0;
	thread->birth_ns = now;
	thread->off_cpu = 0;
}

/* The same wait again, still without a verdict: the turn between is kept for the loop's account. */
static __always_inline void continue_candidacy(struct thread_state *thread,
					       struct task_struct *task, __u64 now)
{
	__u32 cause;

	if (!thread->in_turn) {
		thread->early_idle_ns += span(thread->accounted_ns, now);
		return;
	}
	account_running(thread, NULL, task, now);
	for (cause = 0; cause < LS_CAUSES; cause++)
		thread->early_cause_ns[cause] += thread->turn_cause_ns[cause];
	thread->early_startup_ns += span(thread->turn_start_ns, now);
	clear_turn(thread);
}

/*
 * It ends without an answer: of a loop that was one, nothing else will tell. Its event is not on the
 * stack, of which a program and all that it calls had 512 bytes together until 6.13.
 */
static __noinline int end_candidacy(void)
{
	struct walk_buffers *buffers = buffers_of(BUFFERS_OF_HOOKS);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = thread_of(task);
	__u64 now = bpf_ktime_get_ns();
	struct ls_unheard_event *event;

	if (!thread || !buffers || thread->status != THREAD_CANDIDATE)
		return 0;
	if (thread->asked_ns) {
		continue_candidacy(thread, task, now);
		event = (struct ls_unheard_event *)&buffers->event;
		fill_header(&event->header, LS_EVENT_UNHEARD, thread, task, now);
		event->question = thread->question;
		event->idle_ns = thread->early_idle_ns;
		event->startup_ns = thread->early_startup_ns;
		__builtin_memcpy(event->busy_ns, thread->early_cause_ns, sizeof(event->busy_ns));
		send_urgent_event(event, sizeof(*event), LS_LOST_LIFECYCLE);
	}
	thread->status = THREAD_NEW;
	thread->candidate_file = 0;
	thread->asked_ns = 0;
	clear_turn(thread);
	return 0;
}

/* question: 0 asks about waits of that kind, and not whether this thread is a loop. */
static __always_inline void ask_about_wait(struct thread_state *thread, struct task_struct *task,
					   struct ls_process *process, const struct wait *wait,
					   __u64 question, __u64 now)
{
	if (thread->asked_ns && now - thread->asked_ns < ASK_AGAIN_NS)
		return;
	/* A thread that makes an epoll for each of its calls is no loop; a loop can wait a second. */
	if (now - thread->questions_since_ns > ASK_AGAIN_NS) {
		thread->questions_since_ns = now;
		thread->questions = 0;
	}
	if (++thread->questions > MAX_QUESTIONS)
		return;
	if (!learn_process(thread, task, process)) {
		count_walk_error(LS_WALK_NO_TLS);
		return;
	}
	thread->asked_ns = now;
	send_candidate(thread, task, wait, question, now);
}

/*
 * A program may map an interpreter late (an embedding server, a plug-in): it then has other code
 * than when user space looked. Compilers at run time make new code all the time, so user space
 * says when it is worth another look.
 */
static __always_inline void ignore_wait(struct thread_state *thread, struct task_struct *task,
					struct ls_process *process, __u64 now)
{
	__u64 pages = code_pages_of(task);

	thread->status = THREAD_IGNORED;
	if (pages == process->code_pages)
		thread->ignored_code_pages = pages;
	else if (now >= process->look_again_ns)
		announce(thread, task, now);
}

static __always_inline void on_unjudged_wait(struct thread_state *thread, struct task_struct *task,
					     const struct wait *wait, __u64 now)
{
	struct ls_process *process = process_of(task);
	bool is_candidate = thread->status == THREAD_CANDIDATE;
	__u64 file;

	if (process && process->kind == LS_PROCESS_IGNORED) {
		ignore_wait(thread, task, process, now);
		return;
	}
	if (thread->status == THREAD_IGNORED)
		thread->status = THREAD_NEW;
	if (process && !thread->thread_slot)
		learn_process(thread, task, process);
	file = object_of_wait(thread, task, wait);
	if (!file || is_rejected(thread, file, now))
		return;
	if (is_candidate && thread->candidate_file == file) {
		continue_candidacy(thread, task, now);
	} else if (is_candidate && thread->asked_ns && now - thread->asked_ns < ASK_AGAIN_NS) {
		return; /* a nested wait of the turn that may be one */
	} else {
		end_candidacy();
		start_candidacy(thread, task, file, wait, now);
	}
	thread->accounted_ns = now;
	thread->wait_enter_ns = now;
	note_timeout(thread, wait->timeout_ns, now);
	note_wait(thread, task);
	if (!process)
		announce(thread, task, now);
	else if (!thread->asked_ns && judge_by_signature(thread, task, process, wait, now))
		return;
	else
		ask_about_wait(thread, task, process, wait, thread->question, now);
}

/* Another loop of this thread, while the one before was not closed: run_until_complete by turns. */
static __always_inline bool begins_other_loop(struct thread_state *thread, struct task_struct *task,
					      const struct wait *wait, __u64 now)
{
	__u64 file = object_of_wait(thread, task, wait);
	struct ls_remembered *verdict;
	struct ls_process *process;

	if (!file || is_rejected(thread, file, now))
		return false;
	process = process_of(task);
	if (!process)
		return false;
	verdict = remembered_verdict(thread, process, wait, file);
	if (verdict && verdict->kind == LS_VERDICT_HOME)
		return true;
	/* A loop that is older than the agent was never asked about, nor were waits like its own. */
	if (verdict)
		note_rejected(thread, file, now);
	else
		ask_about_wait(thread, task, process, wait, 0, now);
	return false;
}

/* False when its home was closed by another thread, or was never known. */
static __always_inline bool has_home(const struct thread_state *thread, struct task_struct *task)
{
	if (!thread->home_file)
		return false;
	return thread->home_kind != LS_WAIT_EPOLL ||
	       (__u64)task_file(task, thread->home_fd) == thread->home_file;
}

static __always_inline bool is_home(struct thread_state *thread, struct task_struct *task,
				    const struct wait *wait)
{
	return thread->home_file && wait->kind == thread->home_kind &&
	       object_of_wait(thread, task, wait) == thread->home_file;
}

/*
 * give_answer() has its account still, although it woke up: as if the hook had not run, which the
 * next one heals. The end of the thread or its program heals nothing, and is not kept waiting.
 */
static __always_inline bool is_held_asleep(const struct thread_state *thread)
{
	if (thread->in_hook != HELD_ASLEEP)
		return false;
	count_loss(LS_LOST_BOUNDARY);
	return true;
}

/* The calling thread's state, made at need: poll is common, so there only for Python's threads. */
static __always_inline struct thread_state *state_for_wait(struct task_struct *task,
							   const struct wait *wait)
{
	struct thread_state *thread = thread_of(task);
	struct ls_process *process;

	if (thread)
		return thread;
	if (wait->kind != LS_WAIT_EPOLL) {
		process = process_of(task);
		if (!process || process->kind != LS_PROCESS_PYTHON)
			return NULL;
	}
	thread = bpf_task_storage_get(&thread_states, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread)
		count_loss(LS_LOST_THREAD_STATE);
	return thread;
}

static __always_inline void enter_wait(struct thread_state *thread, struct task_struct *task,
				       const struct wait *wait)
{
	__u64 now = bpf_ktime_get_ns();
	struct ls_slot *slot;

	if (thread->status == THREAD_SEEDED)
		adopt_seed(thread, task, now);
	if (thread->status == THREAD_CANDIDATE)
		take_verdict(thread, task, now);
	if (thread->status == THREAD_LOOP) {
		slot = slot_of(thread);
		if (slot && is_home(thread, task, wait)) {
			if (thread->home_fd < 0)
				thread->home_fd = wake_fd_of_poll(task, wait->kind);
			enter_home_wait(thread, slot, task, wait->timeout_ns, now);
			return;
		}
		if (slot && has_home(thread, task)) {
			/* A nested wait: the scheduler shows what it costs. */
			if (!begins_other_loop(thread, task, wait, now))
				return;
		} else if (!thread->home_file) {
			count_loss(LS_LOST_SEEDED_TURN); /* seeded inside a turn, its home not known */
		}
		end_loop(thread, task, LS_END_CLOSED, now);
	}
	on_unjudged_wait(thread, task, wait, now);
}

static __always_inline bool is_of_no_loop(const struct thread_state *thread, struct task_struct *task)
{
	return thread->status == THREAD_IGNORED && thread->ignored_code_pages == code_pages_of(task);
}

/* A global function: verified once, not for each kind of wait that a hook may meet. */
__noinline int on_wait_entered(__u32 kind, __s32 fd, __u32 max_events, __s64 timeout_ns)
{
	struct wait wait = {
		.kind = kind, .fd = fd, .max_events = max_events, .timeout_ns = timeout_ns
	};
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = state_for_wait(task, &wait);

	if (!thread)
		return 0;
	if (is_of_no_loop(thread, task) || is_held_asleep(thread))
		return 0;
	enter_hook(thread);
	enter_wait(thread, task, &wait);
	leave_hook(thread);
	return 0;
}

static __always_inline void leave_wait(struct thread_state *thread, struct task_struct *task,
				       __s64 result)
{
	__u64 now = bpf_ktime_get_ns();
	struct ls_slot *slot;

	if (thread->status == THREAD_SEEDED)
		adopt_seed(thread, task, now);
	if (thread->status == THREAD_CANDIDATE && !take_verdict(thread, task, now)) {
		/* Account the turn that starts, in case that the answer is "home". */
		if (thread->status == THREAD_CANDIDATE && !thread->in_turn) {
			thread->early_idle_ns += span(thread->accounted_ns, now);
			begin_turn(thread, NULL, task, now, 0, 0);
		}
		return;
	}
	if (thread->status != THREAD_LOOP || !thread->in_home_wait)
		return;
	thread->home_interrupted = result == -ERESTART_RESTARTBLOCK;
	slot = slot_of(thread);
	if (slot)
		leave_home_wait(thread, slot, task, result, now);
}

static __noinline int on_wait_left(__s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = thread_of(task);

	if (!thread || thread->status < THREAD_CANDIDATE || is_held_asleep(thread))
		return 0;
	enter_hook(thread);
	leave_wait(thread, task, result);
	leave_hook(thread);
	return 0;
}

/* A closed epoll ends its loop at once: its number and its address will be used again. */
static __always_inline void close_fd(struct thread_state *thread, struct task_struct *task, __s32 fd)
{
	__u64 now = bpf_ktime_get_ns(), file;
	int i;

	if (thread->status == THREAD_SEEDED)
		adopt_seed(thread, task, now);
	if (thread->status == THREAD_CANDIDATE)
		take_verdict(thread, task, now);
	if (thread->status == THREAD_LOOP) {
		if (fd == thread->home_fd)
			end_loop(thread, task, LS_END_CLOSED, now);
		return;
	}
	file = (__u64)task_file(task, fd);
	if (!file)
		return;
	for (i = 0; i < REJECTED_FILES; i++)
		if (thread->rejected_files[i] == file)
			thread->rejected_files[i] = 0;
	/* What poll and select wait for is no file: they are known by the descriptor that wakes them. */
	if (thread->candidate_file == file ||
	    (thread->status == THREAD_CANDIDATE && thread->candidate_kind != LS_WAIT_EPOLL &&
	     thread->candidate_fd == fd))
		end_candidacy();
}

static __noinline int on_fd_close(__s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = thread_of(task);

	if (!thread || thread->status == THREAD_IGNORED || is_held_asleep(thread))
		return 0;
	enter_hook(thread);
	close_fd(thread, task, fd);
	leave_hook(thread);
	return 0;
}

/* By its object, for it may be a duplicate; by its number, for another thread may close it. */
static __always_inline bool names_epoll(const struct thread_state *thread, struct task_struct *task,
					struct pt_regs *regs)
{
	__s32 fd = (__s32)syscall_argument(regs, 0);

	return fd == thread->home_fd || (__u64)task_file(task, fd) == thread->home_file;
}

/* A poll that a stop interrupts goes on as restart_syscall, which has no hook at its entry. */
static __always_inline bool names_polled_home(struct thread_state *thread, __u32 rule)
{
	struct wait wait = { .kind = thread->home_kind };

	if (rule == LS_RULE_RESTART)
		return thread->in_home_wait || thread->home_interrupted;
	if (rule != LS_RULE_POLL && rule != LS_RULE_SELECT)
		return false;
	return thread->in_home_wait || wait_signature(thread, &wait) == thread->home_file;
}

/*
 * A boundary hook may be skipped (the kernel does not run a tracing program inside another; with
 * full preemption that can be any other's). The next sleep shows where the thread really is. A
 * thread that stops on its way back from the call still has the call in its registers.
 */
static __always_inline void heal_boundary(struct thread_state *thread, struct ls_slot *slot,
					  struct task_struct *task, __u64 now)
{
	struct pt_regs *regs = user_regs_of(task);
	__u32 number = syscall_of(regs), *rule;
	bool names_home;

	if (!thread->home_file)
		return;
	rule = bpf_map_lookup_elem(&syscall_rules, &number);
	if (thread->home_kind == LS_WAIT_EPOLL)
		names_home = rule && *rule == LS_RULE_EPOLL && names_epoll(thread, task, regs);
	else
		names_home = rule && names_polled_home(thread, *rule);
	if (thread->in_turn && names_home && is_inside_syscall(regs)) {
		if (!thread->home_interrupted)
			count_loss(LS_LOST_BOUNDARY);
		enter_home_wait(thread, slot, task, NO_TIMEOUT, now);
	} else if (thread->in_home_wait && !names_home) {
		count_loss(LS_LOST_BOUNDARY);
		leave_home_wait(thread, slot, task, 0, now);
	}
}

/* What a thread waits for inside that call, from outside of it. */
static __always_inline __u32 cause_inside(const struct thread_state *thread, const __u32 *rule,
					  struct pt_regs *regs)
{
	if (!rule)
		return LS_OTHER;
	return *rule == LS_RULE_FUTEX ? cause_of_futex(thread, regs) : cause_of_rule(*rule);
}

/*
 * It ran when plant_seed() looked, and left its CPU before its state was in place: the sleep that
 * ends here would pass for computing.
 */
static __always_inline void seed_has_left(struct thread_state *thread, struct task_struct *task)
{
	struct pt_regs *regs = user_regs_of(task);
	__u32 number = syscall_of(regs);

	thread->seed_off_cpu = 1;
	thread->off_cause = cause_inside(thread, bpf_map_lookup_elem(&syscall_rules, &number), regs);
	thread->off_syscall = number < LS_MAX_SYSCALLS ? number : LS_NO_SYSCALL;
}

static __always_inline void on_switch_out(struct task_struct *task, bool preempted, __u32 state,
					  __u64 now)
{
	struct thread_state *thread = thread_of(task);
	struct ls_slot *slot;

	if (!thread)
		return;
	if (thread->in_hook) {
		thread->hook_preemptions++;
		return;
	}
	thread->switches++;
	if (thread->status == THREAD_SEEDED)
		adopt_seed(thread, task, now);
	if (thread->status == THREAD_CANDIDATE)
		take_verdict(thread, task, now);
	if (thread->status < THREAD_CANDIDATE)
		return;
	slot = thread->status == THREAD_LOOP ? slot_of(thread) : NULL;
	if (slot && !preempted && state && !is_stopped(task, state))
		heal_boundary(thread, slot, task, now);
	if (thread->in_turn) {
		leave_cpu(thread, slot, task, preempted, state, now);
		return;
	}
	/* Going to sleep in the home wait: what it waited for a CPU before was a spurious wake-up. */
	if (!preempted && state)
		note_wait(thread, task);
}

static __always_inline void on_switch_in(struct task_struct *task, __u64 now)
{
	struct thread_state *thread = thread_of(task);
	struct ls_slot *slot;

	if (!thread || thread->in_hook)
		return;
	if (thread->status == THREAD_SEEDED) {
		if (!thread->seed_off_cpu)
			seed_has_left(thread, task);
		adopt_seed(thread, task, now);
	}
	if (thread->status < THREAD_CANDIDATE || !thread->in_turn)
		return;
	slot = thread->status == THREAD_LOOP ? slot_of(thread) : NULL;
	enter_cpu(thread, slot, now);
}

/*
 * A thread ends: before the last one's end is told, so that whoever learns of the process's end has
 * the loop's last words already. At its last switch its memory would be gone.
 */
static __always_inline void on_thread_exit(struct task_struct *task, __u64 now)
{
	struct thread_state *thread = thread_of(task);

	if (!thread)
		return;
	enter_hook(thread);
	if (thread->status == THREAD_SEEDED)
		adopt_seed(thread, task, now);
	if (thread->status == THREAD_CANDIDATE && !take_verdict(thread, task, now))
		end_candidacy();
	if (thread->status == THREAD_LOOP)
		end_loop(thread, task, LS_END_EXIT, now);
	thread->status = THREAD_IGNORED;
	leave_hook(thread);
}

/* The program is replaced: whatever was known of the thread is over. */
static __always_inline void on_exec(struct task_struct *task, __u64 now)
{
	struct thread_state *thread = thread_of(task);

	if (!thread)
		return;
	enter_hook(thread);
	if (thread->status == THREAD_CANDIDATE && !take_verdict(thread, task, now))
		end_candidacy();
	if (thread->status == THREAD_LOOP)
		end_loop(thread, task, LS_END_EXEC, now);
	thread->status = THREAD_NEW;
	thread->announced_ns = 0;
	thread->asked_ns = 0;
	thread->candidate_file = 0;
	thread->thread_slot = 0;
	thread->gil = 0;
	thread->gc_collecting = 0;
	leave_hook(thread);
}

/* Whether it has gone to sleep or woken up since user space looked. */
static __always_inline bool has_moved(struct task_struct *task, const struct ls_seed *seed)
{
	__u64 switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);

	return seed->switches && seed->switches != switches;
}

/* Why it is off the CPU: what user space saw, unless it ran then or was elsewhere. */
static __always_inline __u32 cause_of_seed(const struct thread_state *thread,
					   const struct ls_seed *seed, const __u32 *rule,
					   struct pt_regs *regs, bool moved)
{
	return seed->cause != LS_CPU && !moved ? seed->cause : cause_inside(thread, rule, regs);
}

/* A loop from here on, in the middle of a sleep. */
static __always_inline void show_sleeper(struct thread_state *thread, struct task_struct *task,
					 __u64 now)
{
	struct ls_slot *slot = slot_of(thread);

	if (!slot)
		return;
	if (!thread->in_turn) {
		if (thread->home_kind == LS_WAIT_EPOLL)
			update_phase(thread, slot, task, now);
		return;
	}
	if (!thread->off_cpu || thread->off_end_ns)
		return;
	show_no_stack(thread);
	slot->state = LS_SLOT_OFF_CPU;
	slot->current_cause = thread->off_cause;
	slot->current_syscall = thread->off_syscall;
}

/*
 * A thread takes the answer to its question at its next hook or switch. One that fell asleep before
 * the answer came would be no loop for as long as it sleeps: it gets it here. Its own hooks, which run
 * only once it is on a CPU again, find the account held; its switches are in the scheduler's book.
 */
static __always_inline void give_answer(struct thread_state *thread, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();

	if (thread->status != THREAD_CANDIDATE)
		return;
	if (__sync_val_compare_and_swap(&thread->in_hook, IN_NO_HOOK, HELD_ASLEEP) != IN_NO_HOOK)
		return;
	if (!BPF_CORE_READ(task, on_cpu) && take_verdict(thread, task, now))
		show_sleeper(thread, task, now);
	__sync_val_compare_and_swap(&thread->in_hook, HELD_ASLEEP, IN_NO_HOOK);
}

/*
 * Prepares a thread that was a loop before the agent came. Where it is now is read from its saved
 * registers, for it may have moved since user space looked.
 */
static __always_inline void plant_seed(struct thread_state *thread, struct task_struct *task,
				       const struct ls_seed *seed)
{
	struct pt_regs *regs = user_regs_of(task);
	struct ls_process *process = process_of(task);
	__u32 number = syscall_of(regs), *rule;
	bool on_cpu = BPF_CORE_READ(task, on_cpu), moved = has_moved(task, seed);
	__u32 status = thread->status;
	struct file *home = NULL;
	struct ls_slot *slot;

	/* One that was only announced has not asked yet. */
	if (status != THREAD_NEW && status != THREAD_IGNORED &&
	    (status != THREAD_CANDIDATE || thread->asked_ns))
		return;

	if (!seed->is_native && (!process || process->kind != LS_PROCESS_PYTHON))
		return;
	if (seed->is_native) {
		thread->layout = LS_NO_LAYOUT;
	} else {
		learn_process(thread, task, process);
		learn_tasks(thread, process);
	}
	if (seed->home_fd >= 0)
		home = task_file(task, seed->home_fd);
	thread->slot = seed->slot;
	thread->generation = seed->generation;
	thread->home_fd = seed->home_fd;
	thread->home_file = (__u64)home;
	thread->home_kind = LS_WAIT_EPOLL;
	thread->runtime = seed->runtime;
	thread->phase = LS_STARTUP;
	if (bpf_ktime_get_boot_ns() - BPF_CORE_READ(task, start_boottime) >= startup_limit_ns ||
	    waits_for_connections(task, thread->home_file))
		thread->phase = LS_SERVING;
	/* An idle one may meet no hook for long. */
	slot = slot_of(thread);
	if (slot)
		slot->phase = thread->phase;
	thread->startup_since_ns = 0;
	thread->listen_checks = 0;
	if (thread->phase == LS_STARTUP)
		thread->startup_since_ns = bpf_ktime_get_ns();
	if (process && !process->first_loop_ns)
		process->first_loop_ns = thread->startup_since_ns ?: 1;
	note_wait(thread, task);
	thread->off_run_delay = run_delay_of(task);
	mark_throttle(&thread->off_throttle, task);
	rule = bpf_map_lookup_elem(&syscall_rules, &number);
	thread->seed_off_cpu = !on_cpu;
	thread->seed_in_turn = on_cpu || !rule || *rule != LS_RULE_EPOLL ||
			       (__s32)syscall_argument(regs, 0) != seed->home_fd;
	thread->off_cause = cause_of_seed(thread, seed, rule, regs, moved);
	thread->off_syscall = number < LS_MAX_SYSCALLS ? number : LS_NO_SYSCALL;
	thread->off_fd_kind = LS_FD_NONE;
	/* It moved on since user space looked: then all that is known is where it is now. */
	thread->seed_ns = seed->time_ns;
	if (moved || thread->seed_in_turn != seed->in_turn || thread->wait_enter_ns > seed->time_ns)
		thread->seed_ns = bpf_ktime_get_ns();
	thread->birth_ns = thread->seed_ns;
	/* Its own hook may have asked about it meanwhile. */
	__sync_val_compare_and_swap(&thread->status, status, THREAD_SEEDED);
}

#endif
