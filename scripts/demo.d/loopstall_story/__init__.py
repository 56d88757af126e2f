# SPDX-License-Identifier: Apache-2.0
"""scripts/story: the example service in seven stages, each measured by wrk and by loopstall."""
