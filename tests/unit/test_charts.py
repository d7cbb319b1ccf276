"""Charts: whatever the values are, the markup is whole, says what it shows, and holds nothing that runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelmon.charts import Mark, Sample, band, bars, bullet, overlay, sparkline, spread, timeline
from modelmon.charts.heat import heat, heat_times
from modelmon.charts.markup import Svg
from modelmon.charts.scales import ticks, time_ticks

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("drift", "<script>alert(1)</script>", "Größe & \"Gewicht\" '日本'", "")
VALUES = st.lists(st.none() | st.floats(width=64), max_size=40)


def samples(values: list[float | None], **more: float) -> list[Sample]:
    statuses = (0, 1, 2, -1)
    return [
        Sample(START + n * DAY, START + (n + 1) * DAY, value, statuses[n % 4], **more)
        for n, value in enumerate(values)
    ]


def drawn(values: list[float | None], name: str) -> dict[str, Callable[[], Svg]]:
    end = START + max(1, len(values)) * DAY
    times = [START + n * DAY for n in range(len(values))]
    counts = [abs(each) if each is not None and math.isfinite(each) else 0.0 for each in values]
    shares = [each or 0.0 for each in values]
    return {
        "sparkline": lambda: sparkline(values, label=name, statuses=[n % 3 for n in range(len(values))]),
        "bullet": lambda: bullet(values[0] if values else None, label=name, suspected=0.5, detected=0.7),
        "timeline": lambda: timeline(samples(values, suspected=0.5, detected=0.7), START, end, label=name,
                                     marks=[Mark(START, name, "model")]),
        "spread": lambda: spread([*range(len(counts) + 1)], counts, label=name, thresholds=[0.5, math.nan]),
        "overlay": lambda: overlay([name] * len(values), shares, shares[::-1], label=name, big=True),
        "bars": lambda: bars(times, {"suspected": counts, "detected": counts}, START, end, label=name),
    }  # fmt: skip


def numbers(root: ET.Element) -> list[str]:
    return [value for part in root.iter() for value in part.attrib.values()]


@given(values=VALUES, name=st.sampled_from(NAMES))
def test_any_values_make_whole_markup_that_says_what_it_shows(values: list[float | None], name: str) -> None:
    for kind, draw in drawn(values, name).items():
        found = draw()
        root = ET.fromstring(found)
        assert root.get("role") == ("group" if kind == "timeline" else "img"), kind  # it has a mark
        title = root.find("title")
        assert title is not None
        assert (title.text or "").startswith(name), kind
        assert not any("nan" in each or "inf" in each for each in numbers(root) if "nan" not in name), found
        assert root.find(".//script") is None
        assert not any(name in ("style", "onclick", "href") for part in root.iter() for name in part.attrib)


def test_a_gap_is_where_there_is_no_value_and_where_windows_are_missing() -> None:
    line = 'class="line"'
    whole = timeline(samples([1.0, 2.0, 3.0]), START, START + 3 * DAY, label="x")
    with_none = timeline(samples([1.0, None, 3.0]), START, START + 3 * DAY, label="x")
    shifted = [*samples([1.0, 2.0]), Sample(START + 9 * DAY, START + 10 * DAY, 3.0)]
    missing = timeline(shifted, START, START + 10 * DAY, label="x")
    pens = [each.partition(line)[0].rpartition('d="')[2].count("M") for each in (whole, with_none, missing)]
    assert pens == [1, 2, 2]


def test_thresholds_are_drawn_as_they_were_stored_with_each_window() -> None:
    changed = [*samples([0.1], detected=0.5), Sample(START + DAY, START + 2 * DAY, 0.2, 0, detected=0.9)]
    found = timeline(changed, START, START + 2 * DAY, label="x")
    step = found.partition(' class="threshold detected"')[0].rpartition('d="')[2]
    assert step.count("H") == 2
    assert step.count("V") == 1


def test_ten_thousand_windows_are_reduced_and_keep_their_extremes() -> None:
    values: list[float | None] = [0.1] * 10_000
    values[7_777] = 5.0
    found = timeline(samples(values), START, START + 10_000 * DAY, label="x")
    line = found.partition(' class="line"')[0].rpartition('d="')[2].rstrip('"')
    assert line.count("L") <= 800
    assert line.count("M") == 1
    heights = [float(point.split()[1]) for point in line[1:].split("L")]
    assert min(heights) < 25 < max(heights)


def test_suspected_and_detected_differ_in_shape() -> None:
    found = sparkline([1.0, 2.0], label="x", statuses=[1, 2])
    shapes = {each.split('"')[0][-1:] for each in found.split(' d="')[2:]}
    assert found.count('class="suspected"') == found.count('class="detected"') == 1
    assert shapes == {"z"}
    assert "l3-5 3 5z" in found
    assert "l3-3 3 3-3 3z" in found


def test_what_is_above_a_threshold_is_said() -> None:
    label = ET.fromstring(timeline(samples([0.1, 0.6, 0.9]), START, START + 3 * DAY, label="drift"))
    said = label.findtext("title")
    assert said == "drift: 3 windows, last 0.9; 2 above a threshold, the first on 02 March 2026"


@example(low=244489649751.0, length=5e-05)
@example(low=90071992548.0, length=5e-05)
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_ticks_lie_inside_and_are_few(low: float, length: float) -> None:
    found = ticks(low, low + length)
    assert len(found) <= 6
    assert all(low - 1e-6 * length <= each <= low + length * (1 + 1e-6) for each in found)


@pytest.mark.parametrize(
    "length", [timedelta(minutes=1), timedelta(hours=5), DAY, 30 * DAY, 400 * DAY, 9_000 * DAY]
)
def test_time_ticks_are_few_and_inside(length: timedelta) -> None:
    found = [moment for moment, _ in time_ticks(START, START + length)]
    assert 1 <= len(found) <= 8
    assert found == sorted(found)
    assert all(START <= each <= START + length for each in found)


def test_a_chart_over_time_tells_the_crosshair_its_axis_and_its_points() -> None:
    root = ET.fromstring(timeline(samples([0.5, None, 0.7]), START, START + 3 * DAY, label="drift"))
    assert (root.get("data-from"), root.get("data-to")) == (START.isoformat(), (START + 3 * DAY).isoformat())
    assert root.get("data-points") == "43200:0.5 216000:0.7"


def test_ten_thousand_points_tell_the_crosshair_no_more_than_one_can_see() -> None:
    root = ET.fromstring(timeline(samples([0.5, 0.7] * 5000), START, START + 10_000 * DAY, label="drift"))
    assert len((root.get("data-points") or "").split()) <= 800


def test_marks_of_different_kinds_carry_different_signs() -> None:
    kinds = ("raised", "resolved", "model", "reference", "function", "judged")
    marks = [Mark(START + n * DAY, kind, kind) for n, kind in enumerate(kinds)]
    root = ET.fromstring(timeline([], START, START + 6 * DAY, label="drift", marks=marks))
    groups = [part for part in root.iter() if (part.get("class") or "").startswith("mark ")]
    signs = [sign.text for group in groups for sign in group if sign.get("class") == "tick"]
    assert len(signs) == len(set(signs)) == len(kinds)


@pytest.mark.parametrize("kind", ["model", "reference", "function"])
def test_what_was_deployed_is_reached_by_keyboard_and_said_to_who_does_not_see_it(kind: str) -> None:
    marks = [Mark(START + DAY, f"{kind} anew: a → b", kind, f"{kind} anew"), Mark(START, "calm", "resolved")]
    for chart in (
        timeline([], START, START + 5 * DAY, label="drift", marks=marks),
        bars([START], {"requests": [1]}, START, START + 5 * DAY, label="calls", marks=marks),
        band([START, START + 5 * DAY], [1.0, 2.0], label="wind", marks=marks),
    ):
        root = ET.fromstring(chart)
        (one,) = [part for part in root.iter() if part.get("tabindex") == "0"]
        said = f"{kind} anew: a → b, {START + DAY:%Y-%m-%d %H:%M}"
        assert (one.get("role"), one.get("aria-label"), root.get("role")) == ("img", said, "group")
        assert (root.get("aria-label") or "").endswith(f"Deployed: {said}")
        assert f"{kind} anew" in [part.text for part in one if part.get("class") == "words"]


def test_signs_of_what_happened_at_once_stand_beside_each_other() -> None:
    marks = [Mark(START + DAY, "anew", kind) for kind in ("model", "reference", "function")]
    root = ET.fromstring(timeline([], START, START + 2 * DAY, label="drift", marks=marks))
    places = [
        float(part.get("x") or 0) for group in root.iter() if group.get("tabindex")
        for part in group if part.get("class") == "tick"
    ]  # fmt: skip
    assert all(after - before >= 18 for before, after in itertools.pairwise(places))


@pytest.mark.parametrize("value", [5e-324, 1e-305])
def test_an_axis_of_next_to_nothing_has_ticks(value: float) -> None:
    assert ticks(0.0, value) == [0.0, value]


def test_what_happened_outside_of_the_time_shown_is_not_drawn_at_its_end() -> None:
    marks = [Mark(START + n * DAY, "anew", "model") for n in (-1, 2, 9)]
    for chart in (
        timeline([], START, START + 5 * DAY, label="drift", marks=marks),
        bars([START], {"requests": [1]}, START, START + 5 * DAY, label="calls", marks=marks),
    ):
        assert chart.count('class="mark model"') == 1


def test_a_heat_line_joins_equal_cells_and_says_what_it_shows() -> None:
    starts = [START + n * DAY for n in range(5)]
    line = heat(["no detection", "no detection", "", "detected", "detected"], starts)
    assert line.count("<rect") == 2
    assert "detected in 2 of 5 cells" in line
    assert 'class="cell no-detection"' in line
    assert "no window in this time" in heat(["", ""], starts[:2])
    assert "from 2026-" in heat_times(starts, 1440)


def test_the_names_at_the_ends_of_an_axis_of_time_stay_inside_of_the_chart() -> None:
    root = ET.fromstring(timeline(samples([0.5] * 4), START, START + 4 * DAY, label="drift"))
    named = [part.get("class") for part in root.iter() if part.get("data-time")]
    assert (named[0], named[-1]) == ("tick first", "tick last")
    assert set(named[1:-1]) == {"tick"}


@pytest.mark.parametrize("days", [7, 30, 365])
def test_the_names_of_an_axis_of_time_leave_room_for_each_other_on_a_phone(days: int) -> None:
    """There a letter is at most 9.5 units of the chart wide."""
    root = ET.fromstring(timeline([], START, START + days * DAY, label="drift"))
    shift = {"tick": 0.5, "tick first": 0.0, "tick last": 1.0}
    named = [part for part in root.iter() if part.get("data-time")]
    widths = [9.5 * len(part.text or "") for part in named]
    lefts = [
        float(part.get("x", "")) - shift[part.get("class", "")] * width
        for part, width in zip(named, widths, strict=True)
    ]
    assert len(named) > 2
    assert all(left + width < after for left, width, after in zip(lefts, widths, lefts[1:], strict=False))
