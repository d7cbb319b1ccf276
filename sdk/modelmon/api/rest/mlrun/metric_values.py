"""Values of metrics and results over time, in the shapes that MLRun's client parses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem, refused
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.known_endpoint import known_endpoint
from modelmon.api.rest.mlrun.endpoints import BASE
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.model import from_us
from modelmon.views.metric_values import Values, read_metric_values

DAY = timedelta(days=1)


class Between(msgspec.Struct, kw_only=True, frozen=True):
    """Windows that start from `start` on until `end`: the 24 hours before `end`, and `end` is now, unless
    they are given."""

    start: datetime | None = None
    end: datetime | None = None


class NamedBetween(Between, kw_only=True, frozen=True):
    """`name`: full names, project.app.metric.name or project.app.result.name."""

    name: tuple[str, ...] = ()


class Names(msgspec.Struct, frozen=True):
    """Full names, for platforms that lose repeated parameters."""

    names: tuple[str, ...]


# The schemas of the document know no union of dataclasses, so both say Any.
def asked_for(asked: Asked, wanted: NamedBetween) -> list[Any]:
    return _read(asked, wanted.name, *span_asked(asked, wanted))


def sent_names(asked: Asked, wanted: Between) -> list[Any]:
    names = read_body(asked, Names).names
    return _read(asked, names, *span_asked(asked, wanted))


def span_asked(asked: Asked, wanted: Between) -> tuple[datetime, datetime]:
    """Start and end. Raises Problem 400 for one that ends before it starts."""
    try:
        end = wanted.end or from_us(asked.now_us)
        start = wanted.start or end - DAY
    except OverflowError:
        raise Problem(400, f"end: nothing lies a day before {wanted.end}", "end") from None
    if start >= end:
        raise Problem(
            400, f"start: {start:%Y-%m-%d %H:%M} is not before the end, {end:%Y-%m-%d %H:%M}", "start"
        )
    return start, end


def _read(asked: Asked, names: Sequence[str], start: datetime, end: datetime) -> list[Values]:
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
    try:
        return read_metric_values(asked.database, asked.series, asked.settings, uid, names, start, end)
    except ConfigError as error:
        raise refused(error, 400, str(error).partition(":")[0]) from None


_PATH = f"{BASE}/{{uid}}/metrics-values"
ROUTES = (
    Route("GET", _PATH, asked_for, "The values of metrics and results over time.", NamedBetween),
    Route(
        "POST", _PATH, sent_names, "The values of metrics and results over time, their names in the body.",
        Between, Names, only_looks=True,
    ),
)  # fmt: skip
