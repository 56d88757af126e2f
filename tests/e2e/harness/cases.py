# SPDX-License-Identifier: Apache-2.0
"""What must be found in which victim: the expectation table of the e2e tier."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """One hidden blocking call, and what the agent must say about it."""

    script: str
    name: str
    function: str         # blamed; `file` is the script
    entry: str            # the endpoint; "" where another thread is to blame
    causes: tuple         # the hold's dominant cause is one of these
    cpu: str = ""         # "pure": the turn only computes; "mixed": it computes and waits
    syscall: str = ""     # the system call that the record must name
    needs: tuple = ()     # options of the victim: log_server, byte_peer, dsn, file
    throttled: bool = False  # runs in the cgroup whose disk is slow
    sleeps: bool = True   # leaves the CPU and the disk to others, so both its loops can run at once
    rests: bool = False   # makes one long wait each time: it can run beside all others that do
    holds: int = 100
    mended_rounds: int = 20

    def __str__(self):
        return self.name


# Of cases whose time is measured and not sampled: none of them may be wrong.
HOLDS = 60

CASES = [
    #    script          case              blamed              entry            cause
    Case("network.py",   "requests_get",   "save_log",         "upload",        ("network",),
         needs=("log_server",), rests=True, holds=HOLDS),
    Case("network.py",   "psycopg2_query", "count_orders",     "report",        ("network",),
         needs=("dsn",), rests=True, holds=HOLDS),
    Case("network.py",   "short_recvs",    "read_replies",     "poll_device",   ("network",),
         needs=("byte_peer",), holds=50),
    Case("waits.py",     "retry_sleep",    "back_off",         "checkout",      ("sleep",),
         rests=True, holds=HOLDS),
    Case("waits.py",     "short_sleeps",   "poll_status",      "wait_for_job",  ("sleep",),
         holds=60),
    Case("compute.py",   "pillow",         "compress_image",   "upload",        ("cpu",),
         cpu="pure", sleeps=False),
    Case("compute.py",   "json_body",      "import_orders",    "import_orders", ("cpu",),
         cpu="pure", sleeps=False, holds=50, mended_rounds=10),
    Case("compute.py",   "mixed",          "score_and_wait",   "rank",          ("cpu", "sleep"),
         cpu="mixed", sleeps=False),
    Case("files.py",     "cold_read",      "load_model",       "predict",       ("file",),
         needs=("file",), throttled=True, holds=HOLDS),
    Case("files.py",     "fsync",          "store_upload",     "receive",       ("file",),
         needs=("file",), throttled=True, sleeps=False, holds=HOLDS),
    Case("files.py",     "cold_mmap",      "touch_index",      "look_up",       ("pagefault",),
         needs=("file",), throttled=True, holds=HOLDS),
    Case("files.py",     "warm_read",      "load_model",       "predict",       ("cpu",),
         cpu="pure", syscall="read", needs=("file",), sleeps=False),
    Case("processes.py", "subprocess_run", "convert_document", "render",
         ("process", "pipe"), holds=HOLDS),
    Case("threads.py",   "gil",            "crunch",           "",              ("gil",),
         sleeps=False),
    Case("threads.py",   "lock",           "read_cache",       "get_item",      ("lock",),
         rests=True, holds=HOLDS),
]

# Two functions in turn: its holds have two names, and test_shares.py looks at the shares.
TWO_FUNCTIONS = Case("waits.py", "two_functions", "write_audit", "track", ("sleep",), holds=320)
