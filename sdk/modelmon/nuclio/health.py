"""`GET /health`: the state of a function, answered by a worker of its HTTP trigger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from nuclio_sdk import Response

from modelmon.errors import UnavailableError
from modelmon.model import WorkerState, wall_clock_us
from modelmon.nuclio.lifecycle import FAILURES
from modelmon.nuclio.pulse import function_name
from modelmon.nuclio.replies import failure, reply
from modelmon.settings import Settings

PATH = "/health"


def is_http(context: Any) -> bool:
    """Whether this worker belongs to an HTTP trigger: each trigger has workers of its own."""
    return getattr(context.trigger, "kind", "") == "http"


def asks_health(event: Any) -> bool:
    """Whether the request is for the health, and not for a tick or a model: by its path alone."""
    return bool((event.path or "").rstrip("/") == PATH)


async def answer_health(event: Any) -> Response:
    """200 when the function does its work, be it late; 503 with the reason when it does not."""
    try:
        return health_reply(await asyncio.to_thread(_look, Settings.load()))
    except FAILURES as error:
        return failure(event, error)


def health_reply(state: Mapping[str, Any]) -> Response:
    """The reply that says so."""
    return reply(200 if state["healthy"] else 503, state)


def _look(settings: Settings) -> Mapping[str, Any]:
    from modelmon.ledger.records import open_records
    from modelmon.views.encoding import to_json
    from modelmon.views.health import health

    name = function_name()
    try:
        database = open_records(settings)
        try:
            found: Mapping[str, Any] = to_json(health(database, name, wall_clock_us()))
            return found
        finally:
            database.close()
    except UnavailableError as error:
        reason = f"waiting for the records: {error}"
        return {"function": name, "state": WorkerState.WAITING.value, "healthy": False, "reason": reason}
