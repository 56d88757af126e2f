# SPDX-License-Identifier: Apache-2.0
"""How the demo fails."""


class DemoError(Exception):
    """Something the demo cannot go on without; the message is one sentence."""


class Interrupted(Exception):
    """A signal asked the demo to end."""

    def __init__(self, number: int):
        super().__init__(f"ended by signal {number}")
        self.number = number
