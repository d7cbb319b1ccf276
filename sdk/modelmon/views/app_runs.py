"""What an app was asked to judge, the newest windows first: how each ended, how long it took, over what it
failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from modelmon.ledger.schema import endpoint_apps, endpoints, windows
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.views.windows import WindowView, window_of
from modelmon.windows import FAILED

MOST = 50


@dataclass(frozen=True, slots=True)
class AppRun:
    """One window as the app judged it last. `sent` is when the controller sent it, `seconds` how long the
    answer took from then on, with what waited before it; None where that is not known."""

    endpoint_id: str
    endpoint_name: str
    window: WindowView
    sent: datetime | None
    seconds: float | None


def newest_runs(
    connection: Connection,
    settings: Settings,
    application_name: str,
    *,
    failed: bool = False,
    limit: int = MOST,
) -> tuple[AppRun, ...]:
    """Windows that were sent, those that end last first; with `failed` those alone that failed for good."""
    name = endpoints.c.name.label("endpoint_name")
    query = (
        select(windows, name)
        .outerjoin(endpoints, endpoints.c.endpoint_id == windows.c.endpoint_id)
        .where(windows.c.application_name == application_name, windows.c.sent > 0)
        .order_by(windows.c.end_us.desc(), windows.c.endpoint_id)
        .limit(limit)
    )
    if failed:  # of endpoints that have some, which an index leads to
        failing = select(endpoint_apps.c.endpoint_id).where(
            endpoint_apps.c.application_name == application_name, endpoint_apps.c.failed > 0
        )
        rests = or_(windows.c.check_us.is_(None), windows.c.wanted > windows.c.sent)
        query = query.where(windows.c.outcome == FAILED, rests, windows.c.endpoint_id.in_(failing))
    return tuple(_run(row, settings) for row in connection.execute(query))


def _run(row: Row[Any], settings: Settings) -> AppRun:
    took = None
    if row.answered_us is not None and row.sent_us is not None and row.answered >= row.sent:
        took = max(0, row.answered_us - row.sent_us) / 1e6
    return AppRun(
        row.endpoint_id, row.endpoint_name or row.endpoint_id, window_of(row, settings),
        None if row.sent_us is None else from_us(row.sent_us), took,
    )  # fmt: skip
