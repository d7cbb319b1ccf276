"""Whatever a training set and a window hold, a judgement comes of it: finite, no warning, the same again."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon.stats import (
    bets_of,
    cell_counts,
    fold,
    judge,
    profile,
    profile_from_json,
    profile_of_stats,
    profile_to_json,
    window_sums,
)
from modelmon.stats.describe import describe
from modelmon.stats.finding_words import finding_words, judgement_words, least_words
from repeating import examples

floats = st.one_of(
    st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1.0, 1e308, -1e308, 5e-324, 0.1 + 0.2])
)
whole = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 3))
texts = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "ä", "1", "1.0", ""]))
flags = st.one_of(st.none(), st.booleans())
KINDS = [(floats, pa.float64()), (whole, pa.int64()), (texts, pa.string()), (flags, pa.bool_())]
kind = st.sampled_from(KINDS)


@st.composite
def two_frames(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    """A training set in time, and a window whose columns may be of other types, or not there."""
    values, type_ = draw(kind)
    rows = draw(st.integers(1, 60))
    few = draw(st.lists(values, min_size=1, max_size=rows))
    training = pa.array((few * rows)[:rows], type_)
    others, other_type = draw(st.one_of(st.just((values, type_)), kind))
    window = pa.array(draw(st.lists(others, max_size=30)), other_type)
    when = pa.array(np.arange(rows) * 3600.0)
    name = draw(st.sampled_from(["x", "y"]))
    return pa.table({"x": training, "when": when}), pa.table({name: window})


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None)
@given(two_frames(), st.sampled_from([0.0, 0.1, 1.5]))
def test_any_window_is_judged_against_any_training_set(
    frames: tuple[pa.Table, pa.Table], floor: float
) -> None:
    training, window = frames
    made = profile(training, time_column="when", window_seconds=(3600.0,))
    again = profile_from_json(profile_to_json(made))
    coarse = profile_of_stats(describe(training, ["x"]))
    for reference in (made, again, coarse):
        counts = cell_counts(window, reference)
        assert counts.sum(1).tolist() == [len(window)] * len(reference.features)
        found = judge(counts, reference, budget=0.01, floor=floor, window_seconds=3600.0)
        assert math.isfinite(found.ratio)
        assert found.alarm == bool(found.findings) == (found.ratio >= 1)
        assert all(0 <= finding.p <= 0.5 and finding.z >= 0 for finding in found.findings)
        assert all(change.missing > 0 for change in found.least_changes)
        words = [finding_words(finding) for finding in found.findings]
        assert all([*words, *map(least_words, found.least_changes), judgement_words(found)])
        sums = window_sums(counts, reference)
        evidence = fold(None, sums[None], bets_of(reference, floor=floor), budget=0.01).evidence
        assert np.isfinite(evidence).all()
    assert profile_to_json(again) == profile_to_json(made)


@settings(max_examples=examples(60), deadline=None)
@given(two_frames())
def test_the_training_set_itself_is_never_an_alarm(frames: tuple[pa.Table, pa.Table]) -> None:
    made = profile(frames[0], time_column="when")
    assert not judge(cell_counts(frames[0], made), made, budget=0.01).alarm
