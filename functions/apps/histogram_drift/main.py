"""The histogram drift app: how far inputs and predictions of each window are from the training set."""

from __future__ import annotations

from modelmon.apps import HistogramDataDriftApplication
from modelmon.nuclio import app_handlers

# Other thresholds, for example: app_handlers(HistogramDataDriftApplication, detected_threshold=0.8)
init_context, handler = app_handlers(HistogramDataDriftApplication)
