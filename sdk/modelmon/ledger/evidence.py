"""The evidence of the incidents: what each of their windows said when it was last judged.

Bounded: of a long incident there are the newest windows, the worst one, and, with whole histograms, those
that raised or escalated it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Row, and_, bindparam, case, delete, func, select

from modelmon.incidents import Episode, IncidentKey, Said
from modelmon.ledger.incident_schema import incident_windows
from modelmon.ledger.reports import AppReport
from modelmon.ledger.schema import windows
from modelmon.model import Stats, WindowKey
from modelmon.sql.statements import upsert

NEWEST = 200
"""So many windows of an incident are kept at least."""
TRIM_EVERY = 50

_IS_KEY = and_(*(incident_windows.c[name] == bindparam(f"a_{name}") for name in IncidentKey._fields))
_IN = incident_windows.c.start_us.between(bindparam("first_us"), bindparam("last_us"))
_HOW_BAD = case((incident_windows.c.said == Said.DETECTED.name.lower(), 1), else_=0)
_WORST = (
    select(incident_windows)
    .where(_IS_KEY, _IN)
    .order_by(_HOW_BAD.desc(), incident_windows.c.value.desc(), incident_windows.c.start_us)
    .limit(1)
)
_NEWEST = (
    select(incident_windows.c.start_us)
    .where(_IS_KEY, _IN)
    .order_by(incident_windows.c.start_us.desc())
    .limit(1)
    .offset(bindparam("newest", type_=Integer))
)
_TRIM = delete(incident_windows).where(
    _IS_KEY,
    _IN,
    incident_windows.c.start_us <= bindparam("oldest_us"),
    incident_windows.c.start_us != bindparam("worst_us"),
    func.length(incident_windows.c.stats) == 0,
)
# What is gathered over windows has no answer of its own: its rows are those of the window's.
_ROWS = select(windows.c.rows).where(*(windows.c[name] == bindparam(name) for name in WindowKey._fields))


def write(
    connection: Connection,
    key: IncidentKey,
    report: AppReport,
    said: Said,
    value: float | None,
    detail: str,
    stats: Sequence[Stats] = (),
) -> None:
    """Keep what the report's window says of this, with these whole statistics; without any, those that are
    kept stay."""
    rows = report.answer.rows if report.answer else connection.scalar(_ROWS, report.key._asdict()) or 0
    row = {
        **key._asdict(), "start_us": report.key.start_us, "end_us": report.end_us,
        "said": said.name.lower(), "value": value, "rows": rows,
        "revision": report.revision, "detail": detail, "stats": _json(stats),
    }  # fmt: skip
    upsert(connection, incident_windows, [row], keep=() if stats else ["stats"])


def worst(connection: Connection, key: IncidentKey, episode: Episode) -> Row[Any] | None:
    """The window of an episode that was the worst: detected before suspected, then by value."""
    return connection.execute(_WORST, _values(key, episode)).one_or_none()


def trim(connection: Connection, key: IncidentKey, episode: Episode, worst_us: int) -> None:
    """Forget windows in the middle of an episode that has very many; looked at now and then."""
    if episode.windows <= NEWEST or episode.windows % TRIM_EVERY:
        return
    values = _values(key, episode)
    oldest_us = connection.scalar(_NEWEST, {**values, "newest": NEWEST})
    if oldest_us is not None:
        connection.execute(_TRIM, {**values, "oldest_us": oldest_us, "worst_us": worst_us})


def _values(key: IncidentKey, episode: Episode) -> dict[str, Any]:
    named = {f"a_{name}": value for name, value in key._asdict().items()}
    return {**named, "first_us": episode.first_us, "last_us": episode.last_us}


def _json(stats: Sequence[Stats]) -> str:
    return msgspec.json.encode({each.name: each.stats for each in stats}).decode() if stats else ""
