"""How the history of an endpoint and its features look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape
from rich.text import Text

from modelmon.cli.output import console, print_table
from modelmon.counting import count
from modelmon.demo.last_page import BARS, line
from modelmon.errors import ConfigError
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.views.features import FeatureView
    from modelmon.views.history import Line, Point
    from modelmon.views.traffic import TrafficBucket

FEATURES, BINS = 20, 10
_NO_RESULT = -2
NOTHING = "–"
Stats = Mapping[str, Any] | None


def print_history(history: Sequence[Line]) -> None:
    """A bar a window for each result and metric, in the colour of its verdict; apps that are calm beside
    another are folded in."""
    if not history:
        return
    history, folded = folded_history(history)
    starts = [point.start for each in history for point in each.points]
    span = f"from {min(starts):%Y-%m-%d %H:%M} to {max(starts):%Y-%m-%d %H:%M} UTC"
    console.print(f"\n[bold]History[/bold] {span}", highlight=False)
    several = len({each.application_name for each in history}) > 1
    names = [f"{each.name}{' of ' + each.application_name if several else ''}" for each in history]
    wide = max(map(len, names))
    room = max(10, console.width - wide - 16)
    for name, each in zip(names, history, strict=True):
        points = each.points[-room:]
        values = np.array([point.value for point in points])
        text = Text(f"  {name:{wide}}  ").append(_bars(points, values)).append(f"  {_number(values[-1])}")
        console.print(text, soft_wrap=True)
    if any(each.kind is not None for each in history):
        console.print("  green: no detection, yellow: suspected, red: detected, ·: no verdict", style="dim")
    if folded:
        apps = ", ".join(sorted({each.application_name for each in folded}))
        console.print(f"  and {len(folded)} more, of {apps}: --json", style="dim", soft_wrap=True)


def folded_history(history: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Lines that are shown, and those that are not. Of several apps first those that found something, the
    worst first, and those that give metrics alone; where none found anything each result with a verdict."""
    worst: dict[str, int] = {}
    for each in history:
        name = each.application_name
        worst[name] = max(worst.get(name, _NO_RESULT), _worst(each))
    is_calm = max(worst.values()) <= ResultStatusApp.no_detection

    def is_shown(each: Line) -> bool:
        found = worst[each.application_name]
        if found == _NO_RESULT or len(worst) == 1:
            return True
        return found > 0 or (is_calm and _worst(each) == ResultStatusApp.no_detection)

    by_trouble = sorted(history, key=lambda each: -worst[each.application_name])
    shown = [each for each in by_trouble if is_shown(each)] or list(history)
    return shown, [each for each in by_trouble if each not in shown]


def _worst(each: Line) -> int:
    """Of a result the worst status of its windows, of a metric less than any."""
    return max(_NO_RESULT if point.status is None else point.status for point in each.points)


def _bars(points: Sequence[Point], values: NDArray[np.float64]) -> Text:
    """From 0 to 1 where all values are in there, else from the least to the greatest."""
    low, high = (0.0, 1.0) if values.min() >= 0 and values.max() <= 1 else (values.min(), values.max())
    shares = (values - low) / (high - low) if high > low else np.ones(len(values))
    if points[0].status is None:
        return Text("".join(BARS[min(int(share * 8), 7)] for share in shares), "cyan")
    statuses = [ResultStatusApp(point.status or 0) for point in points]
    return line([*zip(shares.tolist(), statuses, strict=True)])


def print_traffic(traffic: Sequence[TrafficBucket]) -> None:
    """How many requests there were over time, and how long they took."""
    if not traffic:
        return
    highest = max(bucket.requests for bucket in traffic) or 1
    bars = "".join(_bar(bucket.requests / highest) for bucket in traffic)
    slow = [bucket.latency.p95_ms for bucket in traffic if bucket.latency]
    took = f"; 95 of 100 within {_number(max(slow))} ms at worst" if slow else ""
    text = f"  {bars}  {count(sum(bucket.requests for bucket in traffic), 'request')}{took}"
    console.print(f"\n[bold]Traffic[/bold] from {traffic[0].start:%Y-%m-%d %H:%M} UTC", highlight=False)
    console.print(text, highlight=False, soft_wrap=True)


def print_features(features: Sequence[FeatureView], newer: datetime | None = None) -> None:
    """The most changed features: distribution, mean and missing share before and now. `newer`: the start of a
    newer window that is not whole."""
    if not features:
        return
    start, app = features[0].start_infer_time, features[0].application_name
    console.print(
        f"\n[bold]Features[/bold]: before is the training set, now the window from "
        f"{start:%Y-%m-%d %H:%M} UTC "
        f"({escape(app)})", highlight=False,
    )  # fmt: skip
    if newer is not None:
        console.print(
            f"It is the newest whole one: that from {newer:%Y-%m-%d %H:%M} UTC is not.", style="dim",
            highlight=False,
        )  # fmt: skip
    columns = ["=feature", "#score", "=before", "=now", "mean, or category", "missing"]
    print_table("", columns, map(_feature, features[:FEATURES]))
    predictions = [each.feature for each in features if each.is_prediction]
    if predictions:
        console.print(f"Predictions among them: {escape(', '.join(predictions))}.", highlight=False)
    if len(features) > FEATURES:
        console.print(f"and {len(features) - FEATURES:,} more, less changed: --json", style="dim")


def _feature(feature: FeatureView) -> tuple[str, ...]:
    before, now = feature.reference, feature.sample
    shares = _shares(before), _shares(now)
    score = NOTHING if feature.score is None else f"{feature.score:.2f}"
    moved = _categories(before, now) or _change(_mean(before), _mean(now))
    return (
        escape(feature.feature), score, *_histograms(*shares), escape(moved),
        _change(_missing(before), _missing(now)),
    )  # fmt: skip


def _histograms(before: NDArray[np.float64] | None, now: NDArray[np.float64] | None) -> tuple[str, str]:
    """Both on one scale and on the same bins, few enough to be seen; NOTHING for what can't be drawn."""
    highest = max([each.max() for each in (before, now) if each is not None], default=1.0) or 1.0
    drawn = [
        NOTHING if each is None else "".join(_bar(share / highest) for share in each)
        for each in (before, now)
    ]
    return drawn[0], drawn[1]


def _bar(share: float) -> str:
    return "·" if share <= 0 else BARS[min(int(share * 8), 7)]


def _shares(stats: Stats) -> NDArray[np.float64] | None:
    from modelmon.stats.reference import parse

    try:
        counts = parse(stats).counts[:-1]  # the last one is what is missing
    except ConfigError:
        return None
    grouped = np.array([part.sum() for part in np.array_split(counts, min(BINS, counts.size))])
    total = grouped.sum()
    return grouped / total if total else None


def _categories(before: Stats, now: Stats) -> str:
    """The category whose share has changed most."""
    counted = [dict((stats or {}).get("categories") or {}) for stats in (before, now)]
    if not all(counted):
        return ""
    old, new = (
        {name: count / max(1, sum(each.values())) for name, count in each.items()} for each in counted
    )
    most = max({**old, **new}, key=lambda name: abs(old.get(name, 0) - new.get(name, 0)))
    return f"{most} {_change(f'{old.get(most, 0):.0%}', f'{new.get(most, 0):.0%}')}"


def _mean(stats: Stats) -> str:
    mean = (stats or {}).get("mean")
    return _number(mean) if isinstance(mean, int | float) else NOTHING


def _missing(stats: Stats) -> str:
    if not stats:
        return NOTHING
    missing, counted = stats.get("missing", 0), stats.get("count", 0)
    return f"{missing / (missing + counted):.0%}" if missing + counted else NOTHING


def _change(before: str, now: str) -> str:
    return before if before == now else f"{before} → {now}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
