# SPDX-License-Identifier: Apache-2.0
"""Installed as a wheel, and named with --application-package."""

import time


def evaluate():
    time.sleep(0.06)
