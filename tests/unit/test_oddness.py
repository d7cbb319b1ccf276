"""How odd rows are: what a reference teaches, and how many odd rows are no chance any more."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import betabinom

from modelmon.errors import ConfigError
from modelmon.stats.beta_binomial import predicted_hits
from modelmon.stats.oddness import learn_oddness
from modelmon.stats.row_encoding import encode_rows


@pytest.mark.parametrize(
    ("hits", "rows", "seen", "reference"), [(30, 1000, 100, 10_000), (0, 50, 3, 99), (5, 5, 9, 99)]
)
def test_the_tail_is_that_of_scipy(hits: int, rows: int, seen: int, reference: int) -> None:
    found = predicted_hits(hits, rows, seen, reference, alpha=0.001)
    assert found.tail == pytest.approx(betabinom.sf(hits - 1, rows, seen + 1, reference - seen), rel=1e-4)
    if found.least <= rows:
        assert predicted_hits(found.least, rows, seen, reference, alpha=0.001).tail <= 0.001
        assert predicted_hits(found.least - 1, rows, seen, reference, alpha=0.001).tail > 0.001


def test_floor_and_variance_between_windows_only_raise_the_threshold() -> None:
    plain = predicted_hits(20, 1000, 100, 10_000, alpha=0.001)
    for more in ({"floor": 0.01}, {"between": 1e-4}, {"between": 1.0}):
        assert predicted_hits(20, 1000, 100, 10_000, alpha=0.001, **more).least > plain.least


def test_no_rows_and_too_few_rows_tell_nothing() -> None:
    assert predicted_hits(0, 0, 10, 1000, alpha=0.01).tail == 1.0
    assert predicted_hits(0, 0, 10, 1000, alpha=0.01).least == 1
    assert predicted_hits(1, 1, 500, 1000, alpha=0.001).least == 2
    with pytest.raises(ValueError, match="3 of 2"):
        predicted_hits(3, 2, 1, 10, alpha=0.1)


def people(many: int, seed: int, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    height = random.normal(170, 10, many)
    made = {
        "height": height,
        "weight": height - 100 + random.normal(0, 4, many),
        "city": random.choice(["Rome", "Oslo", "Bonn"], many, p=[0.5, 0.4, 0.1]),
    }
    return pd.DataFrame({**made, **columns})


NAMES = ["height", "weight", "city"]
MODEL = learn_oddness([people(100, seed) for seed in range(40)], NAMES)


def odd_share(frame: pd.DataFrame) -> float:
    return float((MODEL.look(frame).oddness >= 1).mean())


def test_of_usual_rows_about_one_in_a_hundred_is_odd() -> None:
    assert MODEL.hits / MODEL.rows == pytest.approx(0.01, abs=0.004)
    assert odd_share(people(5_000, 99)) < 0.02


@pytest.mark.parametrize(
    "column",
    [
        {"height": 250.0}, {"height": -1e300}, {"height": np.inf}, {"height": np.nan}, {"city": "new"},
        {"city": None}, {"height": "tall"},
    ],
)  # fmt: skip
def test_values_that_the_reference_does_not_know_are_odd(column: dict[str, Any]) -> None:
    assert odd_share(people(50, 7, **column)) > 0.9


def test_values_that_are_usual_alone_and_not_together_are_odd() -> None:
    """Tall people of the weight of short ones: no height and no weight is odd by itself."""
    usual = people(400, 8)
    swapped = usual[np.abs(usual["height"] - 170) > 10].assign(weight=lambda rows: 240 - rows["weight"] - 100)
    found = MODEL.look(swapped)
    assert (found.oddness >= 1).mean() > 0.9
    assert np.abs(found.scores).max() < np.abs(found.surprises).max()


def test_a_column_that_is_gone_is_missing_in_every_row() -> None:
    assert odd_share(people(50, 7).drop(columns="weight")) > 0.9


def test_the_same_rows_teach_the_same_and_arrow_is_as_pandas() -> None:
    parts = [people(100, seed) for seed in range(40)]
    again = learn_oddness([pa.Table.from_pandas(each) for each in parts], NAMES)
    sample = people(200, 5)
    expected = MODEL.look(sample).oddness
    assert again.look(pa.Table.from_pandas(sample)).oddness == pytest.approx(expected)


def test_no_rows_have_no_oddness() -> None:
    assert MODEL.look(people(0, 1)).hits == 0


def test_windows_that_differ_from_each_other_have_a_variance_between_them() -> None:
    assert MODEL.between < 1e-4
    clumped = [people(100, seed, **({"height": 215.0} if seed % 10 == 7 else {})) for seed in range(80)]
    assert learn_oddness(clumped, NAMES).between > 1e-4


@pytest.mark.parametrize("frames", [[], [people(0, 1)], [pd.DataFrame({"height": [None] * 9})],
                                    [pd.DataFrame({"height": [dt.date(2025, 1, 1)] * 9})]])  # fmt: skip
def test_a_reference_that_teaches_nothing_is_refused(frames: Any) -> None:
    with pytest.raises(ConfigError, match="the reference has no rows"):
        learn_oddness(frames, NAMES)


def test_constant_features_and_few_rows_are_scored_without_an_error() -> None:
    frame = pd.DataFrame({"a": [1.0] * 8, "b": [True, False] * 4, "c": ["x"] * 8})
    encoding = encode_rows(frame, ["a", "b", "c", "gone"])
    assert [code.name for code in encoding.features] == ["a", "b", "c"]
    scores = encoding.scores(frame)
    assert np.isfinite(encoding.surprises(scores)).all()
    assert np.allclose(scores[:, 0], 0)
