# SPDX-License-Identifier: Apache-2.0
"""The program of a zipapp: python kiosk.pyz PORT."""

import sys

import uvicorn
from kiosk.service import app

uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
