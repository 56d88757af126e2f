# SPDX-License-Identifier: Apache-2.0
"""The demo: the example service broken and mended, under load, watched by the agent."""
