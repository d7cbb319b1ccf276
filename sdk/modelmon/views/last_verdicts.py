"""What was said last of endpoints of which nothing is known now: silence does not hide how they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.model import ValuePoint, from_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoints import EndpointSummary
from modelmon.views.newest_windows import newest_done, values_of
from modelmon.views.results_in_words import extra_data, whole_number, words
from modelmon.views.thresholds import Thresholds, above, thresholds_of
from modelmon.views.verdicts import Verdict

LINE = 30
"""So many of the newest judged windows are looked at."""


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """A verdict on one window: no detection, suspected or detected. `feature` is what it is about, "" where
    the app does not say."""

    start: datetime
    end: datetime
    value: float
    status: int
    thresholds: Thresholds
    feature: str
    rows: int | None
    words: str


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """Of one endpoint the last verdict, on the result that was worst when something was said last; `since`
    the start of the first window that says the same without a break, None where that is longer ago than the
    newest windows reach. `highest`: the worst verdict in these windows."""

    endpoint_id: str
    application_name: str
    result_name: str
    last: GivenVerdict
    since: datetime | None
    highest: GivenVerdict

    @property
    def was_worse(self) -> bool:
        """Whether an earlier verdict says more than the last one: suspected, or detected."""
        return self.highest.status > self.last.status


def read_last_verdicts(
    database: Database, series: SeriesStore, settings: Settings, shown: Iterable[EndpointSummary]
) -> dict[str, LastVerdict]:
    """By id, of those whose state tells no value: silent ones, or such whose newest window is incomplete or
    failed. Endpoints on which no verdict was ever given have none."""
    silent = [each for each in shown if each.value is None and each.verdicts]
    if not silent:
        return {}
    with database.read() as connection:
        newest = newest_done(connection, [each.endpoint_id for each in silent], LINE)
    names = {result_of(each).result_name for each in silent}
    return last_verdicts(settings, silent, values_of(series, newest, names))


def result_of(endpoint: EndpointSummary) -> Verdict:
    """Of the newest verdicts that on the result that is told: the worst one, if it was judged."""

    def badness(verdict: Verdict) -> tuple[bool, float, float]:
        limits = thresholds_of(verdict.result_extra_data)
        value = verdict.result_value
        return verdict.result_status >= 0, above(limits.detected, value), value

    return max(endpoint.verdicts, key=badness)


def last_verdicts(
    settings: Settings, silent: Iterable[EndpointSummary], points: Iterable[ValuePoint]
) -> dict[str, LastVerdict]:
    """As `read_last_verdicts`, of these endpoints, by points of their newest windows, the oldest first."""
    courses: dict[tuple[str, str, str], list[ValuePoint]] = {}
    for point in points:
        courses.setdefault((point.endpoint_id, point.application_name, point.name), []).append(point)
    found = {}
    for each in silent:
        told = result_of(each)
        place = each.endpoint_id, told.application_name, told.result_name
        if last := last_verdict_of(settings, courses.get(place, ())):
            found[each.endpoint_id] = last
    return found


def last_verdict_of(settings: Settings, course: Sequence[ValuePoint]) -> LastVerdict | None:
    """Of the points of one result, the oldest first: those in which it was not judged are passed over."""
    judged = [each for each in course if each.status is not None and each.status >= 0]
    if not judged:
        return None
    last = judged[-1]
    others = [place for place, each in enumerate(judged) if each.status != last.status]
    since = from_us(judged[others[-1] + 1].start_us) if others else None
    return LastVerdict(
        last.endpoint_id, last.application_name, last.name, _given(settings, last), since,
        _given(settings, max(judged, key=_badness)),
    )  # fmt: skip


def _given(settings: Settings, point: ValuePoint) -> GivenVerdict:
    text = shown_extra(settings, point.extra_data)
    detail = extra_data(text)
    return GivenVerdict(
        from_us(point.start_us), from_us(point.end_us), point.value, point.status or 0, thresholds_of(text),
        str(detail.get("feature") or ""), whole_number(detail.get("rows")),
        words(point.name, point.value, text),
    )  # fmt: skip


def _badness(point: ValuePoint) -> tuple[int, float, float]:
    limits = thresholds_of(point.extra_data)
    return point.status or 0, above(limits.detected, point.value), point.value
