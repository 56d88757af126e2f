# SPDX-License-Identifier: Apache-2.0
"""Takes its time when it is imported."""

import time


def read_rules():
    time.sleep(0.06)


read_rules()
