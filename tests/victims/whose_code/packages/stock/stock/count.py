# SPDX-License-Identifier: Apache-2.0
"""Installed from its directory with pip install --target."""

import time


def count():
    time.sleep(0.06)
