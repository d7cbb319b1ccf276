"""Names of sample columns: every feature and label gets one, and gets its own name back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.column_names import (
    METADATA_COLUMNS,
    RESERVED,
    original_name,
    returned_names,
    stored_name,
    stored_names,
)
from modelmon.errors import RejectedError

NAMES = st.one_of(
    st.sampled_from(
        ["", "hour", "Hour", "feature.hour", "label.hour", "feature.", "metadata.latency", "latency"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=240),
)


@pytest.mark.parametrize("name", sorted(RESERVED) + [name.upper() for name in sorted(RESERVED)])
def test_a_reserved_name_is_stored_under_its_kind_in_any_case(name: str) -> None:
    assert stored_name(name, "feature") == f"feature.{name}"
    assert stored_name(name, "prediction") == f"label.{name}"


@pytest.mark.parametrize(
    "name", ["pressure", "a b", "größe", "温度", "😀", "a.b", "hours", "'; DROP", "\n", "x" * 240]
)
def test_any_other_name_is_its_own_column(name: str) -> None:
    assert stored_name(name, "feature") == stored_name(name, "prediction") == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 241, "240 characters, got 241"),
        ("a\0b", "NUL"),
        pytest.param("\ud800", "Unicode", id="surrogate"),
    ],
)
def test_a_name_that_no_column_can_have_is_refused(name: str, words: str) -> None:
    with pytest.raises(RejectedError, match=words) as caught:
        stored_name(name, "prediction")
    assert caught.value.field == "label_names"
    assert str(caught.value).isprintable()


def test_a_name_that_stands_twice_is_refused_by_name() -> None:
    with pytest.raises(RejectedError, match="two features are called 'a'"):
        stored_names(["b", "a", "a"], [])
    with pytest.raises(RejectedError, match="two predictions are called ''"):
        stored_names([], ["", ""])


def test_a_prediction_with_a_features_name_is_stored_as_label() -> None:
    assert stored_names(["a", "hour"], ["a", "hour", "b"]) == (
        ("a", "feature.hour"), ("label.a", "label.hour", "b"),
    )  # fmt: skip


@given(st.lists(NAMES, unique=True, max_size=8), st.lists(NAMES, unique=True, max_size=8))
def test_stored_names_never_collide_and_lead_back(features: list[str], predictions: list[str]) -> None:
    stored_features, stored_predictions = stored_names(features, predictions)
    columns = [*stored_features, *stored_predictions]
    assert len(set(columns)) == len(columns)
    assert not RESERVED.intersection(column.lower() for column in columns)
    assert max(map(len, columns), default=0) <= 255
    assert [original_name(column) for column in columns] == features + predictions


@given(st.lists(NAMES, unique=True, max_size=8), st.lists(NAMES, unique=True, max_size=8))
def test_returned_names_never_collide_and_features_have_their_own(
    features: list[str], predictions: list[str]
) -> None:
    stored_features, stored_predictions = stored_names(features, predictions)
    columns = ["timestamp", *stored_features, *stored_predictions, *METADATA_COLUMNS]
    returned = returned_names(columns)
    assert list(returned) == columns
    assert len(set(returned.values())) == len(columns)
    assert [returned[column] for column in stored_features] == features


def test_whoever_loses_a_name_is_found_under_a_prefix() -> None:
    features, predictions = stored_names(["latency", "a", "metadata.latency"], ["a", "timestamp"])
    returned = returned_names(["timestamp", *features, *predictions, "latency"])
    assert list(returned.values()) == [
        "metadata.timestamp", "latency", "a", "metadata.latency", "label.a", "timestamp",
        "metadata.metadata.latency",
    ]  # fmt: skip
