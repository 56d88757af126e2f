# SPDX-License-Identifier: Apache-2.0
"""The service of docs/tutorial.md, which is mended in seven stages."""
