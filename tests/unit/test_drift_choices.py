"""A drift file: what it says for each endpoint, and every mistake with its line, its value and its mend."""

from __future__ import annotations

import pytest

from modelmon.drift_choices.choices import DriftChoices, OwnFloor
from modelmon.drift_choices.reading import check_drift_file, read_drift_file
from modelmon.errors import ConfigError

WHOLE = """
format: 1
endpoints:
  '*':
    alarm_budget: 2 a year
    floor: 0.2
    reference: season
  fraud-*:
    ignore: [ид, 'no']
    weights: {amount: 3, Ölstand: 0.5}
    floors: {temperature: 1.5 °C, age: 0.3, distance: 20 miles, size: .5 sigma}
    segments: [country]
    segment_rows: 50
  fraud-eu:
    alarm_budget: 0.001
    ignore: []
"""


def choices(text: str, endpoint: str) -> DriftChoices:
    return read_drift_file(text).choices(endpoint, 3)


def test_each_key_counts_as_the_last_section_that_fits_has_it() -> None:
    made = choices(WHOLE, "fraud-us")
    assert (made.floor, made.reference, made.version) == (0.2, "season", 3)
    assert made.alarm_budget is not None
    assert made.alarm_budget.words == "2 a year"
    assert made.ignore == ("ид", "no")
    assert made.each_weight == {"amount": 3.0, "Ölstand": 0.5, "ид": 0.0, "no": 0.0}
    assert made.floors == {
        "temperature": OwnFloor(1.5, "°C"), "age": 0.3, "distance": OwnFloor(20, "miles"), "size": 0.5,
    }  # fmt: skip
    assert (made.segments, made.segment_rows) == (("country",), 50)
    assert read_drift_file(WHOLE).segments == ("country",)
    narrower = choices(WHOLE, "fraud-eu")
    assert narrower.ignore == ()
    assert narrower.weights == made.weights
    assert narrower.alarm_budget is not None
    assert narrower.alarm_budget.probability(60) == 0.001
    other = choices(WHOLE, "churn")
    assert (other.floor, other.weights) == (0.2, {})


def test_a_pattern_tells_letters_from_capitals_and_a_file_of_no_section_says_nothing() -> None:
    assert choices(WHOLE, "FRAUD-eu").weights == {}
    assert choices("format: 1\nendpoints: {}\n", "any") == DriftChoices(version=3)
    assert choices("format: 1\nendpoints:\n  '*':\n", "any") == DriftChoices(version=3)


MISTAKES = {
    "": "1: error: the file is no drift file; `modelmon drift suggest` writes one",
    "[]": "1: error: the file is no drift file",
    "endpoints: {}": "1: error: format: is missing; write format: 1 at the top",
    "format: true\nendpoints: {}": "1: error: format: True is no format that this version reads",
    "format: 2\nendpoints: {}": "1: error: format: 2 is no format",
    "format: 1": "endpoints: is missing; list endpoints by their names, or '*' for all of them",
    "format: 1\nendpoints: [a]": "endpoints: must be `key: value` lines",
    "format: 1\nendpoint: {}": "2: error: endpoint: is no key of a drift file here; did you mean endpoints?",
    "format: 1\nendpoints:\n  a: {}\n  a: {}": "4: error: endpoints.a: stands there twice",
    "format: 1\nendpoints:\n  a:\n   x": "endpoints.a: 'x' must be `key: value` lines",
    "format: 1\nendpoints: {\n": "error: the file is no YAML",
    "format: 1\nendpoints: {a: *b}": "is no YAML",
}
"""A whole file to what is said of it."""

IN_A_SECTION = {
    "weigths: {a: 1}": "endpoints.a.weigths: is no key of a drift file here; did you mean weights?",
    "alarm_budget: often": "endpoints.a.alarm_budget: 'often' is no alarm budget; write it as '1 a month'",
    "alarm_budget: 2": "2 is no alarm budget",
    "alarm_budget: .nan": "nan is no alarm budget",
    "floor: 2": "endpoints.a.floor: 2 must be a number of sigma from 0 up to 2; write for example 0.2",
    "floor: -0.1": "-0.1 must be a number of sigma",
    "floor: .nan": "nan must be a number of sigma",
    "floor: true": "True must be a number of sigma",
    "reference: seasons": "'seasons' is unknown; did you mean season?",
    "ignore: a": "'a' must be a list of columns; write for example [age, city]",
    "ignore: [no]": "endpoints.a.ignore[0]: False is not read as a text by YAML; write it in quotes",
    "ignore: [7]": "7 is not read as a text",
    "ignore: ['']": "'' is not read as a text",
    "ignore: [a, a]": "endpoints.a.ignore: lists 'a' twice; list each column once",
    "weights: [a]": "endpoints.a.weights: must be `key: value` lines",
    "weights: {a: -1}": "endpoints.a.weights.a: -1 is no weight; write a number from 0 to 1,000",
    "weights: {a: .inf}": "inf is no weight",
    "weights: {a: 1, a: 2}": "endpoints.a.weights.a: 2 stands there twice",
    "weights: {a: x}": "'x' is no weight",
    "weights: {a: 1" + "0" * 400 + "}": "is no weight",
    "ignore: [a]\n    weights: {a: 2}": "endpoints.a.weights.a: 2 is ignored in the same section",
    "ignore: [a]\n    floors: {a: 2 km}": "in the same section; leave it out here, or below ignore",
    "floors: {a: 2}": "2 must be a number of sigma from 0 up to 2; ignore the feature, or write the amount "
    "with its unit, like 2 km",
    "floors: {a: 3 %}": "'3 %' is a share, and a floor is a move of the values",
    "floors: {a: 0.2 sgima}": "has a unit that reads like sigma; write 0.2 for sigma",
    "floors: {a: -1 km}": "'-1 km' is no floor; write sigma, like 0.2, or an amount with the",
    "floors: {a: 1e999 km}": "is no floor",
    "floors: {a: null}": "is no floor",
    "segments: country": "'country' must be a list of columns",
    "segments: [a, b, c, d, e, f]": "lists 6 columns; list at most 5: all of them share one budget",
    "segment_rows: 0": "0 must be a whole number from 1 to 1,000,000",
    "segment_rows: true": "True must be a whole number from 1 to 1,000,000",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_what_is_no_such_file_is_told_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_drift_file(text)
    assert MISTAKES[text] in str(raised.value).replace("::", ":")


@pytest.mark.parametrize("line", IN_A_SECTION)
def test_each_mistake_has_its_value_and_its_mend(line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_drift_file(f"format: 1\nendpoints:\n  a:\n    {line}\n")
    assert IN_A_SECTION[line] in str(raised.value)


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    found = check_drift_file("format: 1\nendpoints:\n  a:\n    floor: 3\n    ignore: 7\n    nothing: 1\n")
    assert [finding.line for finding in found.findings] == [4, 5, 6]
    assert found.file is None


def test_a_file_may_be_long_and_no_longer() -> None:
    found = check_drift_file("#" * (5 * 2**20))
    assert "has 5,242,880 characters; a drift file has at most 4,194,304" in str(found.findings[0])
    many = "".join(f"  e{number}: {{}}\n" for number in range(1_001))
    assert "has 1,001 endpoints" in str(check_drift_file(f"format: 1\nendpoints:\n{many}").findings[0])
