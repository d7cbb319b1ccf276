"""A contract: suggested from a training set, written, read back; mistakes told by line, with the mend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon.contracts.contract import ColumnRules, Contract, Importance, Rule
from modelmon.contracts.kinds import share
from modelmon.contracts.reading import check_contract, read_contract
from modelmon.contracts.suggesting import read_training_rows, rounded_up, suggest
from modelmon.contracts.writing import percent, write_contract
from modelmon.errors import ConfigError
from modelmon.stats import describe
from repeating import examples


def training(rows: int = 5_000) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "temperature": np.where(random.random(rows) < 0.01, np.nan, random.normal(15, 5, rows)),
            "carrier": random.choice(["AA", "B6", "NO", "true"], rows),
            "is_night": random.random(rows) < 0.3,
            "code": random.choice(["7", "1", "22"], rows),
            "hour": random.integers(0, 24, rows),
        }
    )


def suggested(frame: pd.DataFrame, **options: Any) -> Contract:
    return suggest(describe(frame), read_training_rows(frame, tuple(frame.columns)), **options)


def test_a_suggestion_says_of_each_column_what_training_shows() -> None:
    frame = training()
    columns = suggested(frame).columns
    temperature = columns["temperature"]
    assert temperature.type == "number"
    assert temperature.range == (frame["temperature"].min(), frame["temperature"].max())
    assert temperature.missing is not None
    assert frame["temperature"].isna().mean() < temperature.missing < 0.03
    assert columns["carrier"].type == "text"
    assert sorted(columns["carrier"].values or ()) == ["AA", "B6", "NO", "true"]
    assert columns["is_night"].type == "boolean"
    assert columns["is_night"].range is None
    assert columns["hour"].most_frequent is not None


def test_categories_that_spell_numbers_may_come_as_numbers() -> None:
    assert suggested(training()).columns["code"].type is None


def test_what_the_drift_app_judges_is_only_shown_where_it_runs() -> None:
    frame = training()
    for rule in (Rule.MISSING, Rule.OUTSIDE, Rule.UNSEEN):
        assert suggested(frame).importance_of(rule, "carrier") is Importance.INFO
        assert suggested(frame, drift_judges=False).importance_of(rule, "carrier") is Importance.WARNING
        assert Contract().importance_of(rule) is Importance.CRITICAL, "what people write is meant"


def test_a_column_that_may_be_part_of_a_date_is_never_judged_for_being_constant() -> None:
    """`hour` is one value in every window of an hour, and nothing is wrong."""
    contract = suggested(training())
    assert contract.importance_of(Rule.MOST_FREQUENT, "hour") is Importance.INFO
    assert contract.importance_of(Rule.MOST_FREQUENT, "temperature") is Importance.WARNING


def test_a_column_that_is_nearly_constant_in_training_may_be_constant() -> None:
    frame = training().assign(flag=[1.0] * 4_900 + [0.0] * 100)
    assert suggested(frame).columns["flag"].most_frequent is None


def test_a_column_that_lacks_many_values_in_training_may_lack_all() -> None:
    frame = training()
    frame["often"] = np.where(np.arange(len(frame)) % 3 == 0, np.nan, 1.5)
    frame["never"] = None
    columns = suggested(frame).columns
    assert not columns["often"].present
    assert columns["never"] == ColumnRules(present=False)
    assert columns["temperature"].present


def test_many_categories_and_those_that_are_all_different_are_not_listed() -> None:
    frame = training()
    frame["id"] = [f"id-{number}" for number in range(len(frame))]
    frame["many"] = [f"kind-{number % 150}" for number in range(len(frame))]
    columns = suggested(frame).columns
    assert columns["id"].values is None
    assert columns["many"].values is None


def test_rows_that_come_again_in_training_may_come_again() -> None:
    frame = pd.concat([training(), training().head(500)])
    limit = suggested(frame).duplicates
    assert limit is not None
    assert 500 / 5_500 < limit < 0.12
    few_values = pd.DataFrame({"flag": [True, False] * 500})
    assert suggested(few_values).duplicates is None, "half of the rows at least are like one before"


def test_without_the_rows_of_training_there_is_no_rule_for_duplicates() -> None:
    assert suggest(describe(training())).duplicates is None


def test_without_a_training_set_nothing_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"no training set.*log_model"):
        suggest({})


@pytest.mark.parametrize("to_arrow", [False, True], ids=["pandas", "arrow"])
def test_a_suggestion_is_read_back_as_it_was_written(to_arrow: bool) -> None:
    frame: Any = training()
    frame = pa.Table.from_pandas(frame) if to_arrow else frame
    contract = suggest(describe(frame), read_training_rows(frame, tuple(training().columns)))
    read = check_contract(write_contract(contract, "Of a test."))
    assert read.findings == ()
    assert read.contract is not None
    assert read.contract.columns == contract.columns
    assert read.contract.duplicates == contract.duplicates
    for name, rule in contract.rules():
        assert read.contract.importance_of(rule, name) is contract.importance_of(rule, name)


NAMES = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable())
SHARES = st.one_of(st.just(0.0), st.floats(1e-6, 1)).map(rounded_up)
LIMITS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
RULES = st.builds(
    ColumnRules,
    missing=st.one_of(st.none(), SHARES),
    present=st.booleans(),
    range=st.one_of(
        st.none(), st.tuples(LIMITS, LIMITS).filter(lambda pair: None in pair or pair[0] <= pair[1])
    ),
    values=st.one_of(st.none(), st.lists(NAMES, min_size=1, max_size=5, unique=True).map(tuple)),
    most_frequent=st.one_of(st.none(), SHARES),
    importance=st.dictionaries(st.sampled_from(Rule), st.sampled_from(Importance)),
)


@settings(max_examples=examples(100), deadline=None)
@given(st.dictionaries(NAMES, RULES, max_size=4), st.booleans())
def test_any_contract_is_read_back_whatever_its_names_are(columns: dict[str, ColumnRules], new: bool) -> None:
    contract = Contract(columns, new_columns=new)
    read = check_contract(write_contract(contract))
    assert [str(each) for each in read.findings if each.level == "error"] == []
    assert read.contract is not None
    assert (read.contract.columns, read.contract.new_columns) == (columns, new)


HEAD = "format: 1\ncolumns:\n  age:\n"
MISTAKES = {
    "no share": ("    missing: lots\n", 4, ".missing", "is no share", "write for example 1.5 %"),
    "per cent without its sign": ("    missing: 5\n", 4, ".missing", "is no share", "write 5 %"),
    "more than all": ("    missing: 150 %\n", 4, ".missing", "is no share", "1.5 %"),
    "true as a share": ("    missing: true\n", 4, ".missing", "is no share", "1.5 %"),
    "negative": ("    missing: -0.1\n", 4, ".missing", "is no share", "1.5 %"),
    "NaN": ("    missing: .nan\n", 4, ".missing", "is no share", "1.5 %"),
    "misspelt rule": ("    misssing: 1 %\n", 4, ".misssing", "is no key", "did you mean missing?"),
    "unknown type": ("    type: numbr\n", 4, ".type", "is unknown", "did you mean number?"),
    "type of no word": ("    type: 7\n", 4, ".type", "is unknown", "write one of number"),
    "range the wrong way": ("    range: [120, 0]\n", 4, ".range", "above 0", "write [0, 120]"),
    "range of one": ("    range: [120]\n", 4, ".range", "must be the least", "[0, 120]"),
    "range of words": ("    range: [low, 5]\n", 4, ".range[0]", "is no number", "null for"),
    "range of NaN": ("    range: [.nan, 5]\n", 4, ".range[0]", "is no number", "null"),
    "range of texts": ("    type: text\n    range: [0, 1]\n", 5, ".range", "is for numbers", "number"),
    "outside without range": ("    outside: 1 %\n", 4, ".outside", "goes together with range", "too"),
    "no list": ("    values: Rome\n", 4, ".values", "must be a list", "[Rome, Oslo]"),
    "empty list": ("    values: []\n", 4, ".values", "must be a list", "[Rome, Oslo]"),
    "Norway": ("    values: [SE, NO]\n", 4, ".values[1]", "is read as false by YAML", "in quotes"),
    "a date": ("    values: [2024-01-01]\n", 4, ".values[0]", "is no text", "in quotes"),
    "twice": ("    values: [a, b, a]\n", 4, ".values", "lists 'a' twice", "once"),
    "rule twice": ("    missing: 1 %\n    missing: 2 %\n", 5, ".missing", "stands there twice", "one"),
    "unique of no flag": ("    unique: maybe\n", 4, ".unique", "must be true or false", "quotes"),
    "importance": ("    importance: {unseen: hihg}\n", 4, ".importance.unseen", "is unknown", "one of"),
    "importance of nothing": ("    importance: {mising: info}\n", 4, ".importance.mising", "no rule", "g?"),
    "no mapping": ("    - type\n", 3, "", "must be `key: value` lines", "indent"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_line_its_place_and_the_mend(
    mistake: tuple[str, int, str, str, str],
) -> None:
    text, line, key, problem, mend = mistake
    read = check_contract(HEAD + text)
    found = [each for each in read.findings if each.level == "error"]
    assert [(each.line, each.key) for each in found] == [(line, f"columns.age{key}")]
    assert problem in found[0].problem
    assert mend in found[0].mend
    assert read.contract is None
    with pytest.raises(ConfigError, match=rf"\bline {line}: error"):
        read_contract(HEAD + text)


TOP_MISTAKES = {
    "": (1, "is no contract"),
    "[1]": (1, "is no contract"),
    "format: 1\n": (1, "is missing"),
    "columns: {}\n": (1, "is missing"),
    "format: 2\ncolumns: {}\n": (1, "is no format"),
    "format: true\ncolumns: {}\n": (1, "is no format"),
    "format: 1\ncolums: {}\n": (2, "is no key"),
    "format: 1\ncolumns: [age]\n": (2, "must be `key: value` lines"),
    "format: 1\ncolumns: {}\nrows: {new_columns: maybe}\n": (3, "is unknown"),
    "format: 1\ncolumns: {}\nrows: 7\n": (3, "must be `key: value` lines"),
    "format: 1\ncolumns: {age: {type: number}, age: {}}\n": (2, "stands there twice"),
    "format: 1\n\tcolumns: {}\n": (2, "is no YAML"),
    "format: 1\ncolumns: &a\n  x: *a\n": (1, "holds itself"),
    "format: 1\ncolumns: {a: [" + "[" * 1_500 + "]" * 1_500 + "]}\n": (1, "nested too deeply"),
    "#" * 5_000_000: (1, "at most"),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", TOP_MISTAKES, ids=lambda text: repr(text[:40]))
def test_a_document_that_is_no_contract_is_told_so(text: str) -> None:
    line, said = TOP_MISTAKES[text]
    found = [each for each in check_contract(text).findings if each.level == "error"]
    assert found, "there is a mistake"
    assert any(said in f"{each.problem} {each.mend}" and each.line >= line for each in found), found


def test_columns_that_the_model_does_not_have_are_named_with_the_nearest() -> None:
    text = "format: 1\ncolumns:\n  agee: {type: number}\n"
    first, second = check_contract(text, ["age", "city"]).findings
    assert (first.level, first.line, first.mend) == (
        "warning",
        2,
        "meant so? else suggest it again and copy them",
    )
    assert "leaves out age, city" in first.problem
    assert (second.level, second.line, second.mend) == ("error", 3, "did you mean age?")


def test_an_open_range_and_numbers_among_the_categories_are_read_as_meant() -> None:
    text = "format: 1\ncolumns:\n  age: {range: [0, null]}\n  b: {range: [-.inf, 5]}\n"
    text += "  code: {values: [1, 2.0, '3']}\n"
    columns = read_contract(text).columns
    assert columns["age"].range == (0.0, None)
    assert columns["b"].range == (None, 5.0)
    assert columns["code"].values == ("1", "2", "3")


@given(st.floats(0, 1, exclude_min=True))
def test_a_share_is_rounded_up_by_less_than_a_tenth_and_never_down(value: float) -> None:
    found = rounded_up(value)
    assert value * (1 - 1e-11) <= found <= min(1.0, value * 1.1 + 1e-300) or math.isclose(found, value)


@given(st.integers(0, 100_000))
def test_a_share_in_per_cent_is_read_as_it_was(thousandths: int) -> None:
    from modelmon.checked_yaml.document import Node

    value = thousandths / 100_000
    assert share(Node(percent(value), 1, ""), []) == pytest.approx(value, abs=1e-15)
