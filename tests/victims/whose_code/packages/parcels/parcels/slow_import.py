# SPDX-License-Identifier: Apache-2.0
"""Takes its time when it is imported: in its body, whose code object does not outlive that."""

import time

time.sleep(0.06)
