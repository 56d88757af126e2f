# SPDX-License-Identifier: Apache-2.0
"""What the endpoints call. Each module holds one piece of work, blocking and mended."""
