# SPDX-License-Identifier: Apache-2.0
"""Bears a name of the well-known list: library, though installed from its directory and named with
--application-package."""

import time


def wait():
    time.sleep(0.06)
