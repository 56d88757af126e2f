# SPDX-License-Identifier: Apache-2.0
"""Run by scripts/story as: /usr/bin/python3 -B scripts/demo.d/story.py [options]."""

import sys

from loopstall_story import run

sys.exit(run.main(sys.argv[1:]))
