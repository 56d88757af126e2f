# SPDX-License-Identifier: Apache-2.0
"""Blocks an asyncio loop in one system call after the other, each in a turn of its own.

blockers.py SCRATCH: prints "ready"; at a line on standard input it goes through BLOCKERS, printing
for each "NAME BEGIN END" in nanoseconds of CLOCK_MONOTONIC, then "end".
"""

import asyncio
import ctypes
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HOLD = 0.06
LIBC = ctypes.CDLL(None, use_errno=True)
SCRATCH = sys.argv[1]


def later(act, *arguments):
    """From another process, so that no thread of this one wants the GIL in the meantime."""
    child = os.fork()
    if not child:
        time.sleep(HOLD)
        act(*arguments)
        os._exit(0)
    return child


def nanosleep():
    time.sleep(HOLD)


def select_nothing():
    select.select([], [], [], HOLD)


def poll_nothing():
    select.poll().poll(HOLD * 1000)


def sockets():
    ours, theirs = socket.socketpair()
    return ours, theirs


def select_socket():
    ours, _theirs = sockets()
    select.select([ours], [], [], HOLD)


def select_except_only():
    ours, _theirs = sockets()
    select.select([], [], [ours], HOLD)


def select_pipe():
    ours, _theirs = os.pipe()
    select.select([ours], [], [], HOLD)


def poll_fd(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll(HOLD * 1000)


def poll_socket():
    ours, _theirs = sockets()
    poll_fd(ours)


def poll_pipe():
    ours, _theirs = os.pipe()
    poll_fd(ours)


def nested_epoll_socket():
    ours, _theirs = sockets()
    with select.epoll() as private:
        private.register(ours, select.EPOLLIN)
        private.poll(HOLD)


def nested_epoll_pipe():
    ours, _theirs = os.pipe()
    with select.epoll() as private:
        private.register(ours, select.EPOLLIN)
        private.poll(HOLD)


def nested_epoll_empty():
    with select.epoll() as private:
        private.poll(HOLD)


def nested_epoll_of(*descriptors):
    with select.epoll() as private:
        for descriptor in descriptors:
            private.register(descriptor, select.EPOLLIN)
        private.poll(HOLD)


def nested_epoll_wakers_first():
    """As gRPC's: the socket is one of many, and not the first."""
    wakers = [os.eventfd(0) for _ in range(9)]
    ours, _theirs = sockets()
    nested_epoll_of(*wakers, ours)


def nested_epoll_socket_first():
    ours, _theirs = sockets()
    nested_epoll_of(ours, *(os.eventfd(0) for _ in range(9)))


def nested_epoll_wakers_and_pipe():
    ours, _theirs = os.pipe()
    nested_epoll_of(*(os.eventfd(0) for _ in range(6)), ours, os.eventfd(0))


def nested_epoll_waker():
    nested_epoll_of(os.eventfd(0))


def poll_waker_and_socket():
    ours, _theirs = sockets()
    poll = select.poll()
    for descriptor in (os.eventfd(0), ours.fileno()):
        poll.register(descriptor, select.POLLIN)
    poll.poll(HOLD * 1000)


def poll_epoll_of_socket():
    ours, _theirs = sockets()
    with select.epoll() as private:
        private.register(ours, select.EPOLLIN)
        poll_fd(private.fileno())


def select_waker_and_socket():
    waker, (ours, _theirs) = os.eventfd(0), sockets()
    select.select([waker, ours], [], [], HOLD)


def select_waker_and_socket_of_another_set():
    waker, (ours, _theirs) = os.eventfd(0), sockets()
    select.select([waker], [], [ours], HOLD)


def select_wakers():
    select.select([os.eventfd(0), os.eventfd(0)], [], [], HOLD)


def recv_unix():
    ours, theirs = sockets()
    child = later(theirs.send, b"x")
    ours.recv(1)
    return child


def accept_tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def call():
            socket.create_connection(server.getsockname())
        child = later(call)
        server.accept()
    return child


def read_socket():
    ours, theirs = sockets()
    child = later(theirs.send, b"x")
    os.read(ours.fileno(), 1)
    return child


def read_pipe():
    ours, theirs = os.pipe()
    child = later(os.write, theirs, b"x")
    os.read(ours, 1)
    return child


def write_pipe():
    ours, theirs = os.pipe()
    size = fcntl.fcntl(theirs, 1032)  # F_GETPIPE_SZ
    os.write(theirs, bytes(size))
    child = later(os.read, ours, size)
    os.write(theirs, bytes(size))
    return child


def read_tty():
    ours, theirs = os.openpty()
    child = later(os.write, ours, b"x\n")
    os.read(theirs, 1)
    return child


def read_eventfd():
    fd = os.eventfd(0)
    child = later(os.eventfd_write, fd, 1)
    os.eventfd_read(fd)
    return child


def read_timerfd():
    fd = LIBC.timerfd_create(time.CLOCK_MONOTONIC, 0)
    LIBC.timerfd_settime(fd, 0, struct.pack("qqqq", 0, 0, 0, int(HOLD * 1e9)), None)
    os.read(fd, 8)


def flock_file():
    path = os.path.join(SCRATCH, "lock")
    with open(path, "w", encoding="ascii"):
        pass
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        with open(path, encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            os.write(tell, b"x")
            time.sleep(HOLD)
            os._exit(0)
    os.read(ready, 1)
    with open(path, encoding="ascii") as wanted:
        fcntl.flock(wanted, fcntl.LOCK_EX)
    return child


def futex_lock():
    """A process-shared lock: no thread of this process takes part."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=HOLD)


def wait4_child():
    child = later(int)
    os.waitpid(child, 0)


def waitid_child():
    child = later(int)
    os.waitid(os.P_PID, child, os.WEXITED)


def vfork_child():
    """With a preexec_fn Popen forks, and waits at the error pipe until the child execs."""
    subprocess.Popen(["/bin/true"], preexec_fn=lambda: time.sleep(HOLD)).wait()


def vfork_exec():
    """The parent of a vfork sleeps until the child execs, and that opens a FIFO before."""
    path = os.path.join(SCRATCH, "slow")
    if not os.path.exists(path):
        os.mkfifo(path)
    child = later(open_writer, path)
    spawned = os.posix_spawn("/bin/true", ["true"], {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0)])
    os.waitpid(spawned, 0)
    return child


def open_writer(path):
    os.close(os.open(path, os.O_WRONLY))


def sigtimedwait():
    signal.sigtimedwait([signal.SIGUSR2], HOLD)


def stopped():
    child = later(os.kill, os.getpid(), signal.SIGCONT)
    os.kill(os.getpid(), signal.SIGSTOP)
    return child


def stopped_in_sleep():
    """A stop of 60 ms inside a sleep: restart_syscall keeps the sleep's cause."""
    parent = os.getpid()
    child = os.fork()
    if not child:
        time.sleep(HOLD / 3)
        os.kill(parent, signal.SIGSTOP)
        time.sleep(HOLD)
        os.kill(parent, signal.SIGCONT)
        os._exit(0)
    time.sleep(5 * HOLD)
    return child


def interrupted_poll():
    """Signals with a handler every 5 ms: all the pieces are one cause."""
    ours, _theirs = sockets()
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    poll_fd(ours)
    signal.setitimer(signal.ITIMER_REAL, 0)


def compute():
    end = time.monotonic() + HOLD
    while time.monotonic() < end:
        sum(range(1000))


BLOCKERS = [value for name, value in list(globals().items())
            if callable(value) and getattr(value, "__module__", None) == __name__
            and name not in ("later", "sockets", "poll_fd", "nested_epoll_of", "open_writer")]


async def run():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for blocker in BLOCKERS:
        await asyncio.sleep(0.03)
        begin = time.monotonic_ns()
        child = blocker()
        end = time.monotonic_ns()
        await asyncio.sleep(0.03)
        if child:
            os.waitpid(child, 0)
        print(blocker.__name__, begin, end, flush=True)
    print("end", flush=True)
    await asyncio.sleep(3600)
    server.close()


if __name__ == "__main__":
    asyncio.run(run())
