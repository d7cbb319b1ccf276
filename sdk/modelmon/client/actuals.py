"""What came true for predictions, sent to a server in requests that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.client.asking import Server
from modelmon.model import Endpoint
from modelmon.model_monitoring.actuals import LoggedActuals, Naming, actuals_of
from modelmon.wire import Actuals, write_moment
from modelmon.wire.actuals import cut

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

ROWS, LONGEST_BODY = 10_000, 1_500_000
"""Of one request: below what a server takes."""


def log(server: Server, base: str, endpoint: Endpoint | str, frame: Frame, naming: Naming) -> LoggedActuals:
    """Log the actuals of a frame; which predictions there are, the server knows."""
    whose = endpoint if isinstance(endpoint, str) else endpoint.endpoint_id
    read = actuals_of(frame, Endpoint("remote", "remote", whose), naming)
    logged = LoggedActuals("", 0, 0, read.without_value)
    for body in _bodies(whose, read.actuals, ROWS):
        answer = server.post(f"{base}/actuals", LoggedActuals, body)
        logged = LoggedActuals(
            answer.endpoint_id,
            logged.rows + answer.rows,
            logged.events + answer.events,
            read.without_value,
            _together(logged.without_prediction, answer.without_prediction),
        )
    return logged


def _together(some: int | None, more: int | None) -> int | None:
    return None if some is None or more is None else some + more


def _bodies(whose: str, actuals: Actuals, rows: int) -> Iterator[dict[str, Any]]:
    for part in cut(actuals, rows):
        body = _body(whose, part)
        if len(msgspec.json.encode(body)) <= LONGEST_BODY or len(part) == 1:
            yield body
        else:
            yield from _bodies(whose, part, -(-len(part) // 2))


def _body(whose: str, actuals: Actuals) -> dict[str, Any]:
    if not actuals.entity:
        named: dict[str, Any] = {"request_ids": actuals.request_ids, "rows": actuals.rows}
    else:
        named = {
            "entity": actuals.entity,
            "entity_values": actuals.entity_values,
            "since": list(map(write_moment, actuals.since_us)),
            "until": list(map(write_moment, actuals.until_us)),
        }
    return {"endpoint": whose, **named, "columns": actuals.columns}
