# SPDX-License-Identifier: Apache-2.0
"""Run by scripts/demo as: /usr/bin/python3 -B scripts/demo.d [options]."""

import sys

from loopstall_demo import run

sys.exit(run.main(sys.argv[1:]))
