# SPDX-License-Identifier: Apache-2.0
"""How the demo fails."""


class DemoError(Exception):
    """Something the demo cannot go on without; the message is one sentence."""
