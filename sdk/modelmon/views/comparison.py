"""Two endpoints, of two versions of a model for instance, side by side on the same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.schema import endpoint_apps, windows
from modelmon.model import Endpoint, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.compared_facts import ComparedFact, differing
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointSummary, find_endpoint
from modelmon.views.feature_page import read_feature_page
from modelmon.views.features import FeatureView
from modelmon.views.metric_lines import MetricLine, read_metric_lines, read_metric_names
from modelmon.views.traffic import TrafficBucket, read_traffic_buckets
from modelmon.windows import DONE

BUCKETS = 60
"""Of the traffic."""
METRICS = 24
"""So many metrics of an app are compared."""


@dataclass(frozen=True, slots=True)
class CommonWindows:
    """Of an app the windows in the time shown that it has judged: of the `first`, of the `second`, and of
    `both`, which begin and end at the same moments; `newest` is the start of the newest of these."""

    application_name: str
    first: int
    second: int
    both: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric or result of both; None of one that no window has it of."""

    application_name: str
    name: str
    first: MetricLine | None
    second: MetricLine | None


@dataclass(frozen=True, slots=True)
class FeaturePair:
    """A feature in the window of both, each against its own reference; None where one does not have it."""

    feature: str
    first: FeatureView | None
    second: FeatureView | None

    @property
    def score(self) -> float:
        """The greater one; -1 without any."""
        return max((each.score for each in (self.first, self.second) if each and each.score is not None),
                   default=-1.0)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differs`: the facts in which they differ. `window` is the start of the one whose features are
    compared, None where they have none in common; `missing` then says why."""

    start: datetime
    end: datetime
    first: EndpointSummary
    second: EndpointSummary
    differs: tuple[ComparedFact, ...]
    windows: tuple[CommonWindows, ...]
    metrics: tuple[MetricPair, ...]
    window: datetime | None
    missing: str
    features: tuple[FeaturePair, ...]
    traffic: tuple[tuple[TrafficBucket, ...], tuple[TrafficBucket, ...]]


def read_comparison(
    database: Database,
    series: SeriesStore,
    looking: Looking,
    names: tuple[str, str],
    start: datetime,
    end: datetime,
    moment: datetime | None = None,
) -> Comparison:
    """Of the endpoints of these names or ids what they did in [start, end). Features are of the window that
    holds `moment`, without one of the newest that both have.

    Raises ConfigError for a name that nothing or several things have, and for the same endpoint twice.
    """
    with database.read() as connection:
        first, second = (find_endpoint(connection, looking, name) for name in names)
        if first.endpoint_id == second.endpoint_id:
            raise ConfigError(f"endpoint: {first.endpoint_name!r} is chosen twice; choose two of them")
        ids = first.endpoint_id, second.endpoint_id
        records = endpoints.get_many(connection, ids)
        common = _common(connection, ids, to_us(start), to_us(end))
    features, window, missing = _features(database, series, looking, ids, common, moment)
    return Comparison(
        start, end, first, second, _differs(looking, records, ids), common,
        tuple(_metrics(database, series, ids, start, end)), window, missing, features,
        (
            read_traffic_buckets(database, series, ids[0], start, end, BUCKETS),
            read_traffic_buckets(database, series, ids[1], start, end, BUCKETS),
        ),
    )  # fmt: skip


def _differs(
    looking: Looking, records: Mapping[str, Endpoint], ids: tuple[str, str]
) -> tuple[ComparedFact, ...]:
    return differing(looking.settings, records.get(ids[0]), records.get(ids[1]))


def _common(
    connection: Connection, ids: tuple[str, str], start_us: int, end_us: int
) -> tuple[CommonWindows, ...]:
    """Counted by the database, by app."""
    one, other = windows.alias("one"), windows.alias("other")

    def judged(table: Any, endpoint_id: str) -> list[Any]:
        in_time = (table.c.start_us >= start_us, table.c.start_us < end_us)
        of = endpoint_apps.c.endpoint_id == endpoint_id
        # By the whole of the key: without the apps all that the endpoint ever had would be read.
        apps = table.c.application_name.in_(select(endpoint_apps.c.application_name).where(of))
        return [table.c.endpoint_id == endpoint_id, apps, table.c.outcome == DONE, *in_time]

    def counted(endpoint_id: str) -> dict[str, int]:
        query = select(one.c.application_name, func.count()).where(*judged(one, endpoint_id))
        return {row[0]: row[1] for row in connection.execute(query.group_by(one.c.application_name))}

    same = and_(*(one.c[name] == other.c[name] for name in ("application_name", "start_us", "end_us")))
    both = (
        select(one.c.application_name, func.count(), func.max(one.c.start_us))
        .select_from(one.join(other, same))
        .where(*judged(one, ids[0]), *judged(other, ids[1]))
        .group_by(one.c.application_name)
    )
    first, second = counted(ids[0]), counted(ids[1])
    shared = {name: (many, newest_us) for name, many, newest_us in connection.execute(both)}
    return tuple(
        CommonWindows(
            name, first.get(name, 0), second.get(name, 0), shared[name][0] if name in shared else 0,
            from_us(shared[name][1]) if name in shared else None,
        )
        for name in sorted({*first, *second})
    )  # fmt: skip


def _metrics(
    database: Database, series: SeriesStore, ids: tuple[str, str], start: datetime, end: datetime
) -> list[MetricPair]:
    known = [read_metric_names(database, series, each) for each in ids]
    names: dict[str, list[str]] = {}
    for each in dict.fromkeys((each.application_name, each.name) for some in known for each in some):
        names.setdefault(each[0], []).append(each[1])
    found = []
    for app, some in sorted(names.items()):
        first, second = (
            {line.name: line for line in read_metric_lines(database, series, each, app, chosen, start, end)}
            for chosen in [sorted(some)[:METRICS]]
            for each in ids
        )
        found += [
            MetricPair(app, name, first.get(name), second.get(name)) for name in sorted({*first, *second})
        ]
    return found


def _features(
    database: Database,
    series: SeriesStore,
    looking: Looking,
    ids: tuple[str, str],
    common: Sequence[CommonWindows],
    moment: datetime | None,
) -> tuple[tuple[FeaturePair, ...], datetime | None, str]:
    """The features, the window they are of, and where there is none why."""
    newest = max((each.newest for each in common if each.newest), default=None)
    if moment is None and newest is None:
        return (), None, _why(common)
    try:
        first, second = (
            read_feature_page(
                database, series, looking.settings, each, looking.now_us, moment or newest
            ).features
            for each in ids
        )
    except ConfigError as error:
        return (), None, str(error)
    before, after = ({each.feature: each for each in some.features} for some in (first, second))
    pairs = [FeaturePair(name, before.get(name), after.get(name)) for name in {**before, **after}]
    starts = (first.window.start_infer_time, second.window.start_infer_time)
    unequal = "" if starts[0] == starts[1] else f"the windows are not the same: {starts[0]} and {starts[1]}"
    return tuple(sorted(pairs, key=lambda each: -each.score)), starts[0], unequal


def _why(common: Sequence[CommonWindows]) -> str:
    if not any(each.first for each in common) or not any(each.second for each in common):
        return "no window of one of them was judged in this time"
    return "no two of their windows begin and end at the same moments in this time"
