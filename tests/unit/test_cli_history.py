"""The history of an endpoint in a terminal: what of it is shown where several apps judge."""

from __future__ import annotations

from modelmon.cli.features import folded_history
from modelmon.model import from_us
from modelmon.views.history import Line, Point


def line(app: str, name: str, *statuses: int | None) -> Line:
    points = tuple(Point(from_us(place), 0.5, status) for place, status in enumerate(statuses))
    return Line(app, name, None if statuses[0] is None else 0, points)


CALM, METRIC = line("quality", "schema", -1, 0), line("quality", "broken_rules", None, None)
UNKNOWN = line("quality", "missing_values", -1, -1)
SUSPECTED, DETECTED = line("drift", "drift", 0, 1), line("other", "feature_drift", 2, 0)
ALONE = line("mine", "rows", None)


def shown(*history: Line) -> tuple[list[str], list[str]]:
    some, others = folded_history(history)
    return [each.name for each in some], [each.name for each in others]


def test_the_worst_app_stands_first_and_calm_ones_are_folded_in() -> None:
    assert shown(CALM, METRIC, SUSPECTED, DETECTED) == (
        ["feature_drift", "drift"],
        ["schema", "broken_rules"],
    )


def test_of_an_app_that_found_something_everything_is_shown() -> None:
    found = line("quality", "duplicate_rows", 1, 0)
    assert shown(METRIC, found, UNKNOWN, line("drift", "drift", 0, 0)) == (
        ["broken_rules", "duplicate_rows", "missing_values"],
        ["drift"],
    )


def test_where_all_are_calm_each_verdict_is_shown() -> None:
    calm = line("drift", "drift", 0, 0)
    assert shown(CALM, METRIC, UNKNOWN, calm) == (["schema", "drift"], ["broken_rules", "missing_values"])


def test_an_app_that_gives_metrics_alone_is_shown() -> None:
    assert shown(ALONE, SUSPECTED, CALM) == (["drift", "rows"], ["schema"])


def test_one_app_is_shown_as_it_is() -> None:
    assert shown(CALM, METRIC, UNKNOWN) == (["schema", "broken_rules", "missing_values"], [])


def test_nobody_has_a_verdict_yet_and_nothing_is_folded() -> None:
    assert shown(UNKNOWN, line("drift", "drift", -1)) == (["missing_values", "drift"], [])
