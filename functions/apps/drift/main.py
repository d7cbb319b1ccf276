"""The drift app: what has changed in each feature since training, within the endpoint's alarm budget."""

from __future__ import annotations

from modelmon.apps import DriftApplication
from modelmon.nuclio import app_handlers

# Another floor, for example: app_handlers(DriftApplication, floor=0.2)
init_context, handler = app_handlers(DriftApplication)
