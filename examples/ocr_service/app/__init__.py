# SPDX-License-Identifier: Apache-2.0
"""The OCR service: a FastAPI application with hidden blocking calls, broken and mended."""
