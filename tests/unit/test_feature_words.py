"""What happened to a feature, in words, and its bins: tables of cases."""

from __future__ import annotations

from typing import Any

import pytest

from modelmon.model import EPOCH
from modelmon.views.bin_shares import BinShares, bin_shares
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView

Stats = dict[str, Any]
WIND: Stats = {"count": 4, "missing": 0, "mean": 2.0, "std": 1.0, "hist": [[0, 2, 2, 0], [-9, 0, 2, 4, 9]]}
CARRIER: Stats = {"count": 10, "missing": 0, "categories": {"UA": 6, "AA": 4}, "others": 0}


def of(reference: Stats | None, sample: Stats | None) -> FeatureView:
    return FeatureView("wind", False, "app", EPOCH, 0.5, reference, sample)


@pytest.mark.parametrize(
    ("reference", "sample", "said"),
    [
        (WIND, WIND, "as in the reference"),
        (WIND, None, "no value in this window"),
        (None, WIND, "no reference to compare with"),
        (WIND, {"count": 0, "missing": 3}, "every value is missing"),
        (WIND, {**WIND, "missing": 4}, "missing 0 % → 50 %"),
        (WIND, {**WIND, "mean": 1.0}, "mean 2 → 1, 1.0 deviations down"),
        ({**WIND, "std": 0.0}, {**WIND, "mean": 3.0}, "mean 2 → 3; it was constant"),
        (WIND, {**WIND, "hist": [[0, 0, 4, 0], WIND["hist"][1]]}, "2 – 4: 50 % → 100 %"),
        (
            CARRIER,
            {"count": 10, "categories": {"UA": 0, "AA": 1}, "others": 9},
            "90 % of the rows have values the reference never has, not among its categories; "
            "others: 0 % → 90 %",
        ),
        ({"kind": "other", "count": 3}, {"kind": "other", "count": 3}, "as in the reference"),
        ({}, {"count": 3, "mean": None}, "as in the reference"),
    ],
)
def test_a_feature_in_words(reference: Stats | None, sample: Stats | None, said: str) -> None:
    assert in_words(of(reference, sample)) == said


def test_bins_that_are_not_those_of_the_reference_are_shown_alone() -> None:
    found = bin_shares(WIND, {"hist": [[1, 3], [0, 1, 2]]})
    assert found == BinShares(("0 – 1", "1 – 2"), (), (1, 3))


def test_open_bins_at_the_ends_are_shown_where_something_is_in_them() -> None:
    edges = [-1.7976931348623157e308, 0, 1, 1.7976931348623157e308]
    assert bin_shares({"hist": [[0, 3, 0], edges]}, {"hist": [[0, 1, 2], edges]}).names == ("0 – 1", "≥ 1")


def test_of_very_many_categories_the_rarest_stand_together() -> None:
    many = {"categories": {f"c{number:02}": 100 - number for number in range(60)}, "others": 5, "count": 1}
    found = bin_shares(many, many)
    assert (len(found.names), found.names[-1]) == (41, "others")
    assert sum(found.current_rows) == sum(many["categories"].values()) + 5


@pytest.mark.parametrize(("reference", "sample"), [(None, None), ({}, {}), ({"count": 3}, {"mean": 1.0})])
def test_without_a_histogram_there_are_no_bins(reference: Stats | None, sample: Stats | None) -> None:
    assert bin_shares(reference, sample) == BinShares()
