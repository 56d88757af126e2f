# SPDX-License-Identifier: Apache-2.0
"""The demo's command line, after scripts/demo has checked it."""

import argparse
import pathlib
from typing import List


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        self.exit(2, f"demo: {message}; see scripts/demo --help\n")


def parse_options(arguments: List[str]) -> argparse.Namespace:
    """Raises SystemExit with status 2 for what it does not know."""
    parser = _Parser(prog="scripts/demo", add_help=False, allow_abbrev=False)
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--duration", type=float, default=30.0)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args(arguments)

