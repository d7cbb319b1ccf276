"""The seam to Nuclio: makes `init_context` and `handler` of what a function does.

Everything that is Nuclio's lives here: how bodies arrive, how replies leave, how a stream position is
acknowledged, what a rebalance and a SIGTERM call. A `main.py` says `init_context, handler = ...` and no
more; the stages and apps behind it know nothing of the platform.
"""

from modelmon.nuclio.handlers import (
    TAKES_POLLS,
    Handler,
    InitContext,
    app_handlers,
    asgi_handlers,
    http_handlers,
    job_handlers,
    message_handlers,
    tick_handlers,
)
from modelmon.nuclio.protocols import HttpStage, MessageStage, TickStage
from modelmon.streams.base import Acknowledge

__all__ = [
    "TAKES_POLLS",
    "Acknowledge",
    "Handler",
    "HttpStage",
    "InitContext",
    "MessageStage",
    "TickStage",
    "app_handlers",
    "asgi_handlers",
    "http_handlers",
    "job_handlers",
    "message_handlers",
    "tick_handlers",
]
