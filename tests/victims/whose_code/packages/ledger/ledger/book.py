# SPDX-License-Identifier: Apache-2.0
"""An editable install: it stays where it is."""

import time


def post():
    time.sleep(0.06)
