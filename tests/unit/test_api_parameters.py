"""What stands after the `?`: types, lists, times, names that are near."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest

from modelmon.api.parameters import read_parameters
from modelmon.api.problems import Problem


class Asked(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    name: list[str] = []
    page_size: int = 100
    from_: datetime | None = None
    latest: bool = False
    order: Literal["name", "time"] = "name"


def read(*pairs: tuple[str, str]) -> Asked:
    return read_parameters(Asked, pairs)


def test_a_list_is_a_repeated_name_or_one_with_commas() -> None:
    assert read(("name", "a"), ("name", "b,c"), ("name", "")).name == ["a", "b", "c"]


def test_a_list_may_have_numbers_whose_values_are_whole_and_come_in_any_order() -> None:
    assert read(("name-10", "c"), ("name_2", "a,b"), ("name-3", "")).name == ["a,b", "c"]
    assert read(("name-" + "9" * 9999, "far")).name == ["far"]


def test_what_is_no_list_has_no_numbers() -> None:
    with pytest.raises(Problem, match="there is no parameter 'page-size-1'"):
        read(("page-size-1", "7"))


@pytest.mark.parametrize("spelled", ["page-size", "page_size"])
def test_dashes_and_underscores_are_alike(spelled: str) -> None:
    assert read((spelled, "7")).page_size == 7


@pytest.mark.parametrize(
    "text",
    ["2026-11-30T08:00:00Z", "2026-11-30T08:00:00+00:00", "2026-11-30T08:00:00 00:00", "1796025600000",
     "2026-11-30 08:00", "2026-11-30T09:00:00+01:00"],
)  # fmt: skip
def test_a_time_is_iso_8601_or_milliseconds(text: str) -> None:
    assert read(("from", text)).from_ == datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59Z", "1899-12-31", "253402300799000"])
def test_a_time_that_no_range_can_begin_or_end_at_is_refused(text: str) -> None:
    with pytest.raises(Problem, match=rf"from: '{text}' is not from 1900 to 2199"):
        read(("from", text))


def test_a_value_that_is_none_of_a_few_is_refused_with_those_there_are() -> None:
    with pytest.raises(Problem, match="order: there is no 'size'; there are: name, time"):
        read(("order", "size"))


@pytest.mark.parametrize("text", ["yesterday", "9" * 30, "2026-13-01"])
def test_what_is_no_time_is_refused_with_its_name_and_value(text: str) -> None:
    with pytest.raises(Problem, match=rf"from: '{text}' is no time; write 2026-"):
        read(("from", text))


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(Problem, match="there is no parameter 'page-sise'; did you mean page-size") as refused:
        read(("page-sise", "7"))
    assert (refused.value.status, refused.value.field) == (400, "page-sise")


def test_a_value_of_another_type_is_refused_with_what_was_given() -> None:
    with pytest.raises(Problem, match=r"page_size: expected `int`, got `str`, got 'many'"):
        read(("page-size", "many"))


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("False", False)])
def test_a_switch_is_a_word_or_a_number(text: str, value: bool) -> None:
    assert read(("latest", text)).latest is value
