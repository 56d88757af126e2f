# SPDX-License-Identifier: Apache-2.0
"""Installed from its directory: the user's own. `acme` is a namespace package."""

import time


def settle():
    time.sleep(0.06)
