# SPDX-License-Identifier: Apache-2.0
"""The vm tier's harness is the e2e tier's."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
