"""The app data-skew: what differs between training and the first days of serving, from the beginning on."""

from __future__ import annotations

from modelmon.apps import DataSkewApplication
from modelmon.nuclio import app_handlers

# Longer first days, for example: app_handlers(DataSkewApplication, days=14)
init_context, handler = app_handlers(DataSkewApplication)
