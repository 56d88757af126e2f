# SPDX-License-Identifier: Apache-2.0
"""Starts a program under a given process id: start_as.py PID PROGRAM [ARGUMENT...]

Leaves with 77 where the id is taken or the kernel does not let it choose (clone3's set_tid, Linux 5.5,
CAP_CHECKPOINT_RESTORE). Dies with its program, and the program with it.
"""

import ctypes
import os
import signal
import struct
import sys

SYS_CLONE3 = 435
PR_SET_PDEATHSIG = 1


def clone_as(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = (ctypes.c_int * 1)(pid)
    # struct clone_args of include/uapi/linux/sched.h, up to set_tid_size and cgroup.
    arguments = ctypes.create_string_buffer(
        struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0), 88)
    child = libc.syscall(SYS_CLONE3, arguments, 88)
    if child < 0:
        print(f"process id {pid}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        sys.exit(77)
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return child


def main():
    child = clone_as(int(sys.argv[1]))
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)


if __name__ == "__main__":
    main()
