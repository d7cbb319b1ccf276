"""The app anomalies: how many rows are unlike anything in the reference, and which."""

from __future__ import annotations

from modelmon.apps import AnomaliesApplication
from modelmon.nuclio import app_handlers

# More rows in a list, for example: app_handlers(AnomaliesApplication, examples=20)
init_context, handler = app_handlers(AnomaliesApplication)
