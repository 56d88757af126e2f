# SPDX-License-Identifier: Apache-2.0
"""The command line of scripts/story, and its course."""

import argparse
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import List

from loopstall_demo import interrupts
from loopstall_demo.errors import DemoError
from loopstall_demo.progress import Progress
from loopstall_story import report
from loopstall_story.course import Course
from loopstall_story.stages import STAGES, Stage

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
_SUITE = "trixie"
_PACKAGES = ("python3", "python3-fastapi", "python3-uvicorn", "python3-uvloop", "python3-httptools", "python3-httpx",
             "python3-asyncpg", "python3-psycopg2", "python3-pil", "python3-requests", "python3-orjson")
_LIMIT_SECONDS = 900


def parse_options(arguments: List[str]) -> argparse.Namespace:
    """scripts/story has checked them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--duration", type=int, default=6)
    parser.add_argument("--stages", default="1,2,3,4,5,6,7")
    return parser.parse_args(arguments)


def chosen_stages(text: str) -> List[Stage]:
    """"1,2,5". Raises DemoError."""
    by_number = {str(stage.number): stage for stage in STAGES}
    words = text.split(",")
    if not words or any(word not in by_number for word in words):
        raise DemoError(f"--stages must be numbers from 1 to {len(STAGES)} with commas between, not {text!r}.")
    return [by_number[word] for word in words]


def choose_python(stages: List[Stage]) -> List[str]:
    """Debian's own, or for all stages alike that of a newer Debian, where one needs orjson and this one has none."""
    own = "/usr/bin/python3"
    has_orjson = subprocess.run([own, "-c", "import orjson"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    if has_orjson or not any(stage.needs_orjson for stage in stages):
        return [own]
    done = subprocess.run([REPOSITORY / "scripts" / "fetch-suite", _SUITE, *_PACKAGES], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoError("Debian 12 has no orjson, and its newer form could not be fetched; leave stages 6 and 7 out"
                        " (--stages 1,2,3,4,5).")
    return [done.stdout.strip() + "/enter", own]


def machine() -> str:
    """What the figures are of."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {platform.release()}"


def tell(course: Course, stages: List[Stage], progress: Progress) -> None:
    """Prints each stage as it is measured, and all of them at the end."""
    course.start_servers()
    results = []
    for stage in stages:
        results.append(course.run(stage))
        progress.clear()
        print("\n".join(["", *report.stage_lines(results[-1])]), flush=True)
    progress.clear()
    print("\n".join(["", f"On this machine ({machine()}), load, servers and agent beside the service:", "",
                     *report.summary_lines(results)]), flush=True)


def main(arguments: List[str]) -> int:
    """0: told; 1: a step failed; 2: usage; 128 + number after a signal."""
    options = parse_options(arguments)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="loopstall-story.", dir="/var/tmp"))
    directory.chmod(0o755)  # PostgreSQL's user passes through it
    course = None
    interrupts.install()
    try:
        signal.alarm(_LIMIT_SECONDS)
        stages = chosen_stages(options.stages)
        progress = Progress(1 + len(stages))
        course = Course(REPOSITORY, directory, options.agent, choose_python(stages), options.duration, progress)
        tell(course, stages, progress)
        return 0
    except DemoError as error:
        print(f"story: {error}", file=sys.stderr)
        return 1
    except interrupts.Interrupted as interruption:
        print(f"story: ended by signal {interruption.number}; it ends what it started", file=sys.stderr)
        return 128 + interruption.number
    finally:
        interrupts.ignore()
        if course:
            course.children.stop_all()
        shutil.rmtree(directory, ignore_errors=True)
