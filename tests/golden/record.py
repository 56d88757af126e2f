# SPDX-License-Identifier: Apache-2.0
"""Makes the recordings of tests/golden/recordings anew, on this machine, as root.

    sudo /usr/bin/python3 tests/golden/record.py
    UPDATE_GOLDEN=1 ctest --preset release -L golden

The second command writes what is expected of them: read the difference before committing it. Victims
run in /srv/app, so that no path of this machine is recorded.
"""

import pathlib
import shutil
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e"))

from harness.agent import Agent  # noqa: E402
from harness.paths import PYTHON, VICTIMS  # noqa: E402
from harness.victims import Talker  # noqa: E402

APP = pathlib.Path("/srv/app")
VICTIM = "harm.py"
NEEDS = ("told.py",)
KINDS = ("epoll", "uvloop")


def record(kind):
    file = TESTS / "golden" / "recordings" / f"{kind}.recording"
    file.unlink(missing_ok=True)
    with Talker([PYTHON, str(APP / VICTIM), kind, "broken"]) as victim:
        victim.hear("ready")
        with Agent("--pid", str(victim.pid), "--record", str(file), "--max-loops", "70") as agent:
            agent.wait_for_loop(victim.pid)
            victim.tell("go")
            victim.hear("done")
            time.sleep(1)
    file.chmod(0o644)
    print(file, file.stat().st_size)


def main():
    APP.mkdir()  # it must not be there: it is removed afterwards
    try:
        for name in (VICTIM, *NEEDS):
            shutil.copy(VICTIMS / name, APP)
        for kind in KINDS:
            record(kind)
    finally:
        shutil.rmtree(APP)


main()
