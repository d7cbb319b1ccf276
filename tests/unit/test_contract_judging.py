"""Rows are judged by a contract: each rule sees its own trouble, and nothing else, within the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelmon.contracts.contract import ColumnRules, Contract, Importance, Rule
from modelmon.contracts.judging import Finding, judge_rows
from modelmon.contracts.suggesting import read_training_rows, suggest
from modelmon.contracts.words import found_words, next_words, power_words, threshold_words
from modelmon.stats import describe

ALPHA = 1 / 4_320
NAMES = ("temperature", "carrier", "is_night", "count")


def rows(many: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "temperature": random.normal(15, 5, many).tolist(),
        "carrier": random.choice(["AA", "B6", "UA"], many).tolist(),
        "is_night": (random.random(many) < 0.3).tolist(),
        "count": random.poisson(3, many).tolist(),
    }


def suggested(training: pa.Table) -> Contract:
    return suggest(describe(training), read_training_rows(training, NAMES), drift_judges=False)


CONTRACT = suggested(pa.table(rows(20_000, 1)))


def judged(columns: dict[str, Any], contract: Contract = CONTRACT) -> list[Finding]:
    return judge_rows(pa.table(columns), contract, ALPHA, features=NAMES)


def broken(columns: dict[str, Any], contract: Contract = CONTRACT) -> set[tuple[str, Rule]]:
    return {
        (each.column, each.rule) for each in judged(columns, contract) if each.is_judged and each.is_broken
    }


def test_rows_like_those_of_training_break_nothing() -> None:
    for seed in range(2, 12):
        assert broken(rows(500, seed)) == set()


def changed(name: str, share: float, value: Any) -> dict[str, Any]:
    found = rows(500, 2)
    found[name] = [value if place < share * 500 else each for place, each in enumerate(found[name])]
    return found


def as_texts(name: str) -> dict[str, Any]:
    found = rows(500, 2)
    return {**found, name: [f"{each} °C" for each in found[name]]}


TROUBLES: dict[str, tuple[dict[str, Any], set[tuple[str, Rule]]]] = {
    "a share without a value": (changed("carrier", 0.05, None), {("carrier", Rule.MISSING)}),
    "values beyond the range": (changed("temperature", 0.05, 99.0), {("temperature", Rule.OUTSIDE)}),
    "infinities": (changed("temperature", 0.05, float("inf")), {("temperature", Rule.OUTSIDE)}),
    "a new category": (changed("carrier", 0.05, "ZZ"), {("carrier", Rule.UNSEEN)}),
    "texts among numbers": (
        {**rows(500, 2), "count": ["n/a"] * 25 + [str(n) for n in rows(500, 2)["count"][25:]]},
        {("count", Rule.TYPE)},
    ),
    "all of another type": (as_texts("temperature"), {("temperature", Rule.TYPE)}),
    "numbers for texts": (
        {**rows(500, 2), "carrier": list(range(500))},
        {("carrier", Rule.TYPE), ("carrier", Rule.UNSEEN)},
    ),
    "numbers for booleans": ({**rows(500, 2), "is_night": list(range(500))}, {("is_night", Rule.TYPE)}),
    # The three other columns have few values: without the fourth, rows come again.
    "a column that is stuck": (
        changed("temperature", 1.0, 15.0),
        {("temperature", Rule.MOST_FREQUENT), ("", Rule.DUPLICATES)},
    ),
    "one that is stuck for a part": (
        changed("temperature", 0.4, 15.0),
        {("temperature", Rule.MOST_FREQUENT), ("", Rule.DUPLICATES)},
    ),
    "a column without a value": (
        changed("count", 1.0, None),
        {("count", Rule.PRESENT), ("count", Rule.MISSING)},
    ),
    "a column that is gone": (
        {name: values for name, values in rows(500, 2).items() if name != "count"},
        {("count", Rule.PRESENT), ("count", Rule.MISSING)},
    ),
    "a column that is new": ({**rows(500, 2), "altitude": [1.0] * 500}, {("", Rule.NEW_COLUMNS)}),
    "rows that come again": (
        {name: [*values[:400], *values[:100]] for name, values in rows(500, 2).items()},
        {("", Rule.DUPLICATES)},
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_each_trouble_breaks_its_own_rule_and_no_other(
    trouble: tuple[dict[str, Any], set[tuple[str, Rule]]],
) -> None:
    columns, expected = trouble
    assert broken(columns) == expected


def test_what_is_missing_is_no_value_that_stands_still() -> None:
    contract = Contract({"age": ColumnRules(most_frequent=0.2)})
    ages = [None] * 60 + list(range(1, 41))
    (found,) = [each for each in judged({"age": ages}, contract) if each.rule is Rule.MOST_FREQUENT]
    assert (found.hits, found.measured.first(3)) == (1, (60,))
    (none,) = [each for each in judged({"age": [None] * 9}, contract) if each.rule is Rule.MOST_FREQUENT]
    assert (none.hits, none.measured.first(3)) == (0, ())


def test_rows_that_break_a_rule_are_shown_by_their_places() -> None:
    columns = rows(500, 2)
    columns["temperature"][7] = columns["temperature"][300] = 1e6
    columns["carrier"][11] = None
    columns["carrier"][12] = "ZZ"
    found = {(each.column, each.rule): each.measured.first(3) for each in judged(columns)}
    assert found["temperature", Rule.OUTSIDE] == (7, 300)
    assert found["carrier", Rule.MISSING] == (11,)
    assert found["carrier", Rule.UNSEEN] == (12,)
    assert found["temperature", Rule.TYPE] == ()
    again = {name: [*values, values[5]] for name, values in rows(50, 2).items()}
    places = {each.rule: each.measured.first(3) for each in judged(again)}
    assert places[Rule.DUPLICATES] == (50,)


def test_a_rule_of_none_is_broken_by_a_single_row() -> None:
    contract = Contract(
        {"age": ColumnRules(type="number", range=(0.0, 120.0), unique=True)}, new_columns=True
    )
    assert broken({"age": [1, 2, 3]}, contract) == set()
    assert broken({"age": [1, 2, 121]}, contract) == {("age", Rule.OUTSIDE)}
    assert broken({"age": [1, 2, 2]}, contract) == {("age", Rule.UNIQUE)}
    assert broken({"age": [1, None, None]}, contract) == set(), "gaps are no values that come twice"
    assert broken({"age": ["1", "2", "x"]}, contract) == {("age", Rule.TYPE)}


def test_a_limit_that_chance_may_exceed_is_exceeded_in_silence() -> None:
    """Three of twenty with a limit of 5 % is nothing to wake anybody for; thirty of two hundred is."""
    contract = Contract({"age": ColumnRules(missing=0.05)}, new_columns=True)
    assert broken({"age": [None] * 3 + [1] * 17}, contract) == set()
    assert broken({"age": [None] * 30 + [1] * 170}, contract) == {("age", Rule.MISSING)}


def test_what_is_only_shown_is_never_broken_and_takes_nothing_of_the_budget() -> None:
    importance = {Rule.MISSING: Importance.INFO}
    shown = Contract({"a": ColumnRules(missing=0.0), "b": ColumnRules(range=(0, 1))}, importance=importance)
    found = {(each.column, each.rule): each for each in judged({"a": [None], "b": [0.5]}, shown)}
    assert not found["a", Rule.MISSING].is_judged
    judged_rules = [each for each in found.values() if each.is_judged]
    assert judged_rules[0].alpha == pytest.approx(ALPHA / len(judged_rules))
    assert {each.alpha for each in judged_rules} == {judged_rules[0].alpha}


def test_the_worst_comes_first_the_critical_before_what_only_warns() -> None:
    importance = {Rule.MISSING: Importance.WARNING, Rule.OUTSIDE: Importance.CRITICAL}
    columns = {"a": ColumnRules(missing=0.0), "b": ColumnRules(range=(0, 1)), "c": ColumnRules(missing=0.0)}
    contract = Contract(columns, importance=importance, new_columns=True)
    found = judged({"a": [None, None], "b": [5.0, 0.5], "c": [None, 1]}, contract)
    first = [(each.column, each.rule) for each in found if each.is_broken]
    assert first[-2:] == [("a", Rule.MISSING), ("c", Rule.MISSING)]
    assert ("b", Rule.OUTSIDE) in first[:-2]


@pytest.mark.parametrize("many", [1, 50, 1_000])
def test_from_the_threshold_on_a_rule_is_broken_and_not_before(many: int) -> None:
    contract = Contract({"age": ColumnRules(missing=0.05, most_frequent=0.3)}, new_columns=True)
    for rule in (Rule.MISSING, Rule.MOST_FREQUENT):
        least = next(
            each for each in judged({"age": list(range(many))}, contract) if each.rule is rule
        ).least_hits()
        assert least > 0
        for hits in (least - 1, least):
            if hits > many:
                continue
            value = None if rule is Rule.MISSING else 0
            found = judged({"age": [value] * hits + list(range(1, many - hits + 1))}, contract)
            (one,) = [each for each in found if each.rule is rule]
            assert one.hits == max(hits, 1 if rule is Rule.MOST_FREQUENT else 0)
            assert one.is_broken == (one.hits >= least)


@pytest.mark.slow
@pytest.mark.parametrize("many", [50, 200, 1_000])
def test_false_alarms_over_all_rules_of_a_suggested_contract_stay_within_the_budget(many: int) -> None:
    """A budget of one window in twenty, so that two hundred windows say something about it; training sets
    so small that what they show is far from what is true."""
    alarms = 0
    for training in range(10):
        contract = suggested(pa.table(rows(1_000, training)))
        for seed in range(20):
            window = pa.table(rows(many, 1_000 + 20 * training + seed))
            found = judge_rows(window, contract, 0.05, features=NAMES)
            alarms += any(each.is_judged and each.is_broken for each in found)
    # More than 22 of 200 come with a probability of 0.0002 where each has one of 0.05.
    assert alarms <= 22


STREAMS: dict[str, Any] = {
    "heavy tails and gaps": lambda random, many: {
        "a": random.lognormal(0, 2, many),
        "b": np.where(random.random(many) < 0.02, np.nan, random.random(many)),
    },
    "few values": lambda random, many: {
        "a": random.poisson(3, many) * 1.0,
        "b": random.integers(0, 24, many),
    },
    "many categories": lambda random, many: {
        "a": [f"v{each}" for each in np.minimum(random.zipf(1.5, many), 300).tolist()],
        "b": random.normal(size=many),
    },
    "zeros": lambda random, many: {
        "a": np.where(random.random(many) < 0.95, 0.0, random.normal(size=many)),
        "b": random.normal(size=many),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("many", [50, 200, 1_000])
def test_false_alarms_are_within_the_budget_whatever_the_rows_are_like(stream: Any, many: int) -> None:
    """A budget of one window in a hundred: more than 9 of 300 have a probability of 0.001 at 0.01."""
    alarms = 0
    for training_rows in (1_000, 20_000):
        for seed in range(5):
            random = np.random.default_rng(100 * seed + many)
            training = pa.table(stream(random, training_rows))
            names = tuple(training.column_names)
            contract = suggest(describe(training), read_training_rows(training, names), drift_judges=False)
            for _ in range(30):
                found = judge_rows(pa.table(stream(random, many)), contract, 0.01, features=names)
                alarms += any(each.is_judged and each.is_broken for each in found)
    assert alarms <= 9


def test_every_finding_is_told_in_words() -> None:
    columns = {"age": [None] * 30 + [1] * 170}
    found = judged(columns, Contract({"age": ColumnRules(missing=0.05)}, duplicates=1.0))
    by_rule = {each.rule: each for each in found}
    missing = by_rule[Rule.MISSING]
    assert found_words(missing) == "age: 30 of 200 rows (15 %) have no value, at most 5 % may"
    assert threshold_words(missing, 4) == (
        "broken from 25 of 200 rows on: chance alone comes to so many in at most 1 of 17,280 windows, the "
        "equal part of each of 4 rules"
    )
    assert power_words(missing) == "15.5 % of the rows of age would have been seen with 90 %"
    assert found_words(by_rule[Rule.PRESENT]) == "age: there are values"
    assert found_words(by_rule[Rule.NEW_COLUMNS]) == "no column is new"
    for rule in Rule:
        assert next_words(rule)


def test_an_empty_table_breaks_nothing() -> None:
    empty = pa.schema({name: pa.float64() for name in NAMES}).empty_table()
    assert not any(each.is_broken for each in judge_rows(empty, CONTRACT, ALPHA, features=NAMES))
