/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of its own that maps CPython late, as a plug-in would:
 *   embeds_late LIBPYTHON SCRIPT...
 * Waits on an epoll until it is told something, and then runs the script.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static void serve_until_told(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	char word[16];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	puts("{\"serves\": true}");
	fflush(stdout);
	while (epoll_wait(epoll, &event, 1, 20) <= 0)
		;
	if (read(STDIN_FILENO, word, sizeof word) < 0)
		perror("read");
	close(epoll);
}

int main(int argc, char **argv)
{
	int (*run)(int, char **);
	void *library;

	serve_until_told();
	library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	run = library ? (int (*)(int, char **))dlsym(library, "Py_BytesMain") : NULL;
	if (!run) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	argv[1] = argv[0];
	return run(argc - 1, argv + 1);
}
