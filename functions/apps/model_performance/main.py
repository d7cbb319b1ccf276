"""The performance app: how right the model was, and how right it seems before the truth comes."""

from __future__ import annotations

from modelmon.apps import ModelPerformanceApplication
from modelmon.nuclio import app_handlers

# Metrics of your own, for example:
# app_handlers(ModelPerformanceApplication, metrics={"profit": lambda rows: 5 * (1 - rows.loss).mean() - 1})
init_context, handler = app_handlers(ModelPerformanceApplication)
