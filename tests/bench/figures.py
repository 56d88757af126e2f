# SPDX-License-Identifier: Apache-2.0
"""What the benches of this folder have in common: their flags, and where their figures go."""

import argparse
import json
import pathlib


def parser(docstring):
    """With --json; a bench adds its own flags."""
    flags = argparse.ArgumentParser(description=docstring,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--json", type=pathlib.Path, help="where to store every figure")
    return flags


def store(path, figures):
    """As JSON, where a path was given."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1), encoding="utf-8")
