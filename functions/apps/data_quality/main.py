"""The data quality app: whether each window keeps the contract of its model."""

from __future__ import annotations

from modelmon.apps import DataQualityApplication
from modelmon.nuclio import app_handlers

# A contract of its own, for example: app_handlers(DataQualityApplication, contract="contract.yaml")
init_context, handler = app_handlers(DataQualityApplication)
