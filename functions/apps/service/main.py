"""The service app: whether all the expected requests came, were answered, and in time."""

from __future__ import annotations

from modelmon.apps import ServiceApplication
from modelmon.nuclio import app_handlers

# Limits of yours, for example: app_handlers(ServiceApplication, max_error_share=0.01, slow_ms=200)
init_context, handler = app_handlers(ServiceApplication)
