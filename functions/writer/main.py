"""The writer: what apps report becomes results, metrics, the status of endpoints and incidents."""

from __future__ import annotations

from modelmon.nuclio import message_handlers
from modelmon.stages.writer import Writer

init_context, handler = message_handlers(Writer.open)
