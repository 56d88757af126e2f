# SPDX-License-Identifier: Apache-2.0
"""Installed as a wheel: calls back into the application, and waits itself."""

import time


def call(function):
    return function()


def back_off():
    time.sleep(0.06)
