# SPDX-License-Identifier: Apache-2.0
"""Installed as a wheel with pip install --target."""

import time


def weigh():
    time.sleep(0.06)
