# SPDX-License-Identifier: Apache-2.0
"""A helper that everybody shares: named with --transparent."""

import time


def http_get():
    time.sleep(0.06)
