/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a file descriptor of a task is, and whether a loop already serves. */
#ifndef LOOPSTALL_FILES_BPF_H
#define LOOPSTALL_FILES_BPF_H

#include "kernel_compat.bpf.h"
#include "wire/wire.h"

#define S_IFMT_ 0170000
#define S_IFIFO_ 0010000
#define S_IFCHR_ 0020000
#define S_IFDIR_ 0040000
#define S_IFBLK_ 0060000
#define S_IFREG_ 0100000
#define S_IFSOCK_ 0140000

#define TCP_LISTEN_STATE 10 /* AF_UNIX sockets use it too (unix_listen) */
#define MAX_LISTEN_FDS 256
#define MAX_WATCHES 8
#define MAX_WATCH_STEPS 60

static __always_inline struct file *file_at(struct fdtable *table, __u32 fd)
{
	struct file **files;
	struct file *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd))
		return NULL;
	return file;
}

static __always_inline struct file *task_file(struct task_struct *task, __s32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= table->max_fds)
		return NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd))
		return NULL;
	return file;
}

/* Anonymous inodes have no file type; their directory entry is named after what they are. */
static __always_inline __u32 anonymous_kind(struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	char text[8] = {};

	if (bpf_probe_read_kernel_str(text, sizeof(text), name) < 0)
		return LS_FD_OTHER;
	/* "[eventfd]", "[eventpoll]", "[timerfd]": told apart by the letters at 1 and 6. */
	if (text[0] != '[')
		return LS_FD_OTHER;
	if (text[1] == 'e' && text[5] == 't')
		return text[6] == 'f' ? LS_FD_EVENTFD : text[6] == 'p' ? LS_FD_EPOLL : LS_FD_OTHER;
	return text[1] == 't' && text[2] == 'i' && text[6] == 'f' ? LS_FD_TIMERFD : LS_FD_OTHER;
}

static __always_inline __u32 file_kind(struct file *file)
{
	if (!file)
		return LS_FD_NONE;
	switch (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT_) {
	case S_IFSOCK_: return LS_FD_SOCKET;
	case S_IFREG_: return LS_FD_FILE;
	case S_IFDIR_: return LS_FD_DIRECTORY;
	case S_IFBLK_: return LS_FD_BLOCK_DEVICE;
	case S_IFIFO_: return LS_FD_PIPE;
	case S_IFCHR_: return LS_FD_CHARACTER_DEVICE;
	default: return anonymous_kind(file);
	}
}

/*
 * Of several files that are waited for at once, what is outside of the process tells most. An eventfd
 * or a timerfd is how a library's own loop is woken: gRPC's epoll set has one beside its sockets.
 */
static __always_inline __u32 telling(__u32 kind)
{
	switch (kind) {
	case LS_FD_NONE: return 0;
	case LS_FD_OTHER:
	case LS_FD_EPOLL: return 1;
	case LS_FD_EVENTFD: return 2;
	case LS_FD_TIMERFD: return 3;
	case LS_FD_SOCKET: return 6;
	case LS_FD_PIPE:
	case LS_FD_CHARACTER_DEVICE: return 5;
	default: return 4;
	}
}

/*
 * Global functions, these two: to the verifier their result is any number. Inlined into the loops
 * that call them, each kind would be a path of its own in each round: refused with E2BIG on 6.18.
 */
__noinline int more_telling(__u32 kind, __u32 other)
{
	return telling(other) > telling(kind) ? other : kind;
}

__noinline int kind_of_file(__u64 file)
{
	return file_kind((struct file *)file);
}

/*
 * The kind of the most telling file that an epoll instance watches, LS_FD_NONE when it watches none.
 * Walks the tree of its watches without a stack: each node is come to from above, then from its
 * left, then from its right, so that MAX_WATCH_STEPS see a third as many files. The tree may change
 * meanwhile: that ends the walk early at worst. A global function, for its loop.
 */
__noinline int watched_kind(__u64 epoll_file)
{
	struct eventpoll *ep = BPF_CORE_READ((struct file *)epoll_file, private_data);
	struct rb_node *node = ep ? BPF_CORE_READ(ep, rbr.rb_root.rb_node) : NULL;
	struct rb_node *from = NULL, *parent, *left, *right, *next;
	__u32 best = LS_FD_NONE;
	struct epitem *item;
	int i;

	for (i = 0; i < MAX_WATCH_STEPS && node; i++) {
		parent = (struct rb_node *)(BPF_CORE_READ(node, __rb_parent_color) & ~3ul);
		left = BPF_CORE_READ(node, rb_left);
		right = BPF_CORE_READ(node, rb_right);
		next = parent;
		if (from == parent) {
			item = (struct epitem *)((void *)node - bpf_core_field_offset(struct epitem, rbn));
			best = more_telling(best, kind_of_file((__u64)BPF_CORE_READ(item, ffd.file)));
			if (best == LS_FD_SOCKET)
				break;
			next = left ? left : right ? right : parent;
		} else if (from == left && right) {
			next = right;
		}
		from = node;
		node = next;
	}
	return best;
}

static __always_inline __u32 cause_of_kind(__u32 kind)
{
	switch (kind) {
	case LS_FD_SOCKET: return LS_NETWORK;
	case LS_FD_FILE:
	case LS_FD_DIRECTORY:
	case LS_FD_BLOCK_DEVICE: return LS_FILE;
	case LS_FD_PIPE:
	case LS_FD_CHARACTER_DEVICE:
	case LS_FD_EVENTFD: return LS_PIPE;
	case LS_FD_TIMERFD: return LS_SLEEP;
	default: return LS_OTHER;
	}
}

static __always_inline bool is_listening_in(struct file *file, struct eventpoll *home)
{
	struct socket *socket;
	struct hlist_node *watch;
	struct epitem *item;
	int i;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT_) != S_IFSOCK_)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	if (BPF_CORE_READ(socket, sk, __sk_common.skc_state) != TCP_LISTEN_STATE)
		return false;
	watch = first_watch_of(file);
	for (i = 0; i < MAX_WATCHES && watch; i++) {
		item = (struct epitem *)((void *)watch - bpf_core_field_offset(struct epitem, fllink));
		if (BPF_CORE_READ(item, ep) == home)
			return true;
		watch = BPF_CORE_READ(watch, next);
	}
	return false;
}

/*
 * Whether the loop waits for connections: one of the first MAX_LISTEN_FDS descriptors is a
 * listening socket that its home epoll watches. A listening socket alone is not enough: workers
 * inherit one and import the application before they serve.
 * A global function: the verifier looks at its loops once, not once a caller's path (5.15 and on).
 */
__noinline int serves_connections(__u64 fd_table, __u64 home_eventpoll)
{
	struct fdtable *table = (struct fdtable *)fd_table;
	struct file *file;
	__u32 fd;

	if (!table || !home_eventpoll)
		return 0;
	for (fd = 0; fd < MAX_LISTEN_FDS; fd++) {
		if (fd >= BPF_CORE_READ(table, max_fds))
			break;
		file = file_at(table, fd);
		if (file && is_listening_in(file, (struct eventpoll *)home_eventpoll))
			return 1;
	}
	return 0;
}

static __always_inline bool waits_for_connections(struct task_struct *task, __u64 home_file)
{
	struct file *home = (struct file *)home_file;

	if (!home)
		return false;
	return serves_connections((__u64)BPF_CORE_READ(task, files, fdt),
				  (__u64)BPF_CORE_READ(home, private_data));
}

#endif
