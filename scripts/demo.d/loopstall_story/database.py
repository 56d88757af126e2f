# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL with the words of a hundred pages."""

import glob
import os
import pathlib
import pwd
import subprocess
from typing import List

from loopstall_demo.children import Children
from loopstall_demo.errors import DemoError
from loopstall_demo.example import free_port

_WORDS = """
CREATE TABLE words AS SELECT page, x, y, md5((page * 1000 + y * 10 + x)::text) AS word
  FROM generate_series(0, 99) page, generate_series(0, 79) y, generate_series(0, 9) x;
CREATE INDEX ON words (page);
ANALYZE words;
"""


class Database:
    """Started by start(); its files are in `directory`, which belongs to PostgreSQL's user then."""

    def __init__(self, directory: pathlib.Path, children: Children):
        self._directory = directory
        self._children = children
        self._port = free_port()
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            raise DemoError("There is no PostgreSQL; run scripts/setup.")
        self._programs = pathlib.Path(programs[-1])
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self, until) -> None:
        """`until(condition)` waits for it."""
        owner = pwd.getpwnam("postgres")
        self._directory.mkdir()
        os.chown(self._directory, owner.pw_uid, owner.pw_gid)
        data = self._directory / "data"
        self._run("initdb", "--no-sync", "--auth=trust", f"--pgdata={data}")
        command = self._as_owner("postgres", "-D", str(data), "-p", str(self._port), "-k", str(self._directory),
                                 "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
        self._children.start("PostgreSQL", command, cwd=self._directory)
        until(self._answers)
        self._run("psql", "-q", "-h", "127.0.0.1", "-p", str(self._port), "-c", _WORDS)

    def _as_owner(self, program: str, *words: str) -> List[str]:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--",
                str(self._programs / program), *words]

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(self._as_owner(program, *words), cwd=self._directory, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"PostgreSQL's {program} failed: {done.stderr.strip().splitlines()[-1:]}.")

    def _answers(self) -> bool:
        done = subprocess.run([self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)],
                              check=False)
        return done.returncode == 0
