"""Segments: each judged against its own part of the training set, within one budget, and named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.apps import DriftApplication
from modelmon.errors import ConfigError
from modelmon.pages.rendering import render
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.stats import judge, profile, profile_from_json, profile_to_json, segment_counts
from modelmon.testing import Judgement, run_app
from modelmon.views.result_evidence import evidence_of

START = datetime(2025, 3, 1, tzinfo=UTC)
COUNTRIES = ["NO", "IT", "DE", "FR", "ES", "PL", "SE", "DK", "FI", "NL"]
TRAINED = 14 * 24 * 60
FILE = "format: 1\nendpoints:\n  '*':\n    segments: [country]\n"


def rows(number: int, seed: int, moved: str = "", by: float = 0.0) -> pd.DataFrame:
    """Each country has a level of its own; in the one that is `moved` all amounts move."""
    random = np.random.default_rng(seed)
    country = random.choice(COUNTRIES, number)
    level = np.array([COUNTRIES.index(each) for each in country]) * 1.0
    amount = random.normal(level, 1.0) + np.where(country == moved, by, 0.0)
    return pd.DataFrame({"amount": amount, "country": country, "noise": random.normal(size=number)})


REFERENCE = rows(TRAINED, 1).assign(when=pd.date_range("2025-01-01", periods=TRAINED, freq="min"))


def judged(sample: Any, file: str = FILE, reference: Any = REFERENCE, **arguments: Any) -> Judgement:
    app = DriftApplication(choices=file, reference=arguments.pop("compared", None))
    given = {"start": START, "end": START + timedelta(hours=1), "segments": ["country"], **arguments}
    return run_app(app, sample, reference, **given)


@pytest.mark.slow
def test_a_move_in_one_of_ten_segments_is_found_where_all_rows_together_show_nothing() -> None:
    sample = rows(1_000, 2, "PL", 1.3)
    together = judged(sample, "format: 1\nendpoints: {}\n")
    together.assert_status("drift", "no_detection")
    found = judged(sample).assert_status("drift", "detected")
    extra = found.extra_data
    assert found.value > 1
    assert (extra["feature"], extra["segment"]) == ("amount", {"country": "PL"})
    assert any(each.endswith("where `country` is 'PL'") for each in extra["findings"]["amount"])
    assert next(iter(extra["segments"]["worst"]["country"])) == "PL"
    assert extra["segments"]["number"] == 10
    assert "25 % of the alarm budget" in extra["why"]
    assert "; its 10 segments together have as much" in extra["why"]
    assert any("where `country` is 'PL'" in each for each in evidence_of(extra).found)
    json.dumps(extra)


def test_without_a_change_there_is_no_alarm_and_the_segments_are_shown() -> None:
    extra = judged(rows(1_000, 3)).assert_status("drift", "no_detection").extra_data
    assert extra["segments"]["silent"] == 0
    assert len(extra["segments"]["worst"]["country"]) == 10
    one = next(iter(extra["segments"]["worst"]["country"].values()))
    assert set(one) == {"rows", "ratio", "calibration"}


@pytest.mark.slow
def test_a_segment_of_too_few_rows_is_silent() -> None:
    sample = rows(1_000, 2, "PL", 5)
    fewer = pd.concat([sample[sample["country"] != "PL"], sample[sample["country"] == "PL"].head(20)])
    extra = judged(fewer).assert_status("drift", "no_detection").extra_data
    assert extra["segments"]["silent"] == 1
    assert "PL" not in extra["segments"]["worst"]["country"]
    low = judged(fewer, FILE + "    segment_rows: 10\n").result("drift").extra_data
    assert low["segments"]["silent"] == 0


@pytest.mark.slow
def test_a_value_that_training_has_not_is_told_and_rare_ones_are_judged_together() -> None:
    few = rows(TRAINED, 1)
    few.loc[few["country"].isin(["FI", "NL"]) & (few.index % 5 > 0), "country"] = "NO"
    reference = few.assign(when=REFERENCE["when"])
    sample = rows(1_000, 4)
    sample.loc[:39, "country"] = "XX"
    sample.loc[40:44, "country"] = None
    extra = judged(sample, reference=reference, segments=["country"]).result("drift").extra_data
    assert extra["segments"]["unseen"] == {"country": {"rows": 40, "values": ["XX"]}}
    made = profile(reference, time_column="when", segments=["country"]).segments[0]
    assert set(made.rare) == {"FI", "NL"}
    assert made.others is not None
    counts = segment_counts(sample, profile(reference, segments=["country"], time_column="when"), made)
    assert counts.counts[-1, 0].sum() == int(sample["country"].isin(["FI", "NL"]).sum()) + 5
    assert counts.counts[:, 0].sum() == 960


def test_what_can_not_be_judged_apart_is_told() -> None:
    sample = rows(500, 5)
    extra = judged(sample, segments=[]).result("drift").extra_data
    assert "logged without segments of it: log the model again" in extra["segments"]["told"]["country"]
    few = judged(sample, reference=REFERENCE.head(400)).result("drift").extra_data
    assert "no value of it has rows enough" in few["segments"]["told"]["country"]
    other = judged(sample, compared="season").result("drift").extra_data
    assert "with the training set alone" in other["segments"]["told"]["country"]


@pytest.mark.slow
def test_a_private_column_is_no_segment_and_shows_in_none() -> None:
    sample = rows(1_000, 2, "PL", 1.3)
    hidden = judged(sample, settings=Settings(project="p", private="country")).result("drift").extra_data
    assert not any(name in json.dumps(hidden.get("segments", {})) for name in COUNTRIES)
    written = json.dumps(judged(sample).result("drift").extra_data)
    later = shown_extra(Settings(project="p", private="country"), written)
    assert '"worst":{}' in later
    assert '"segment":{}' in later
    assert "amount" not in shown_extra(Settings(project="p", private="amount"), written)


@pytest.mark.parametrize("column", ["text", "number", "boolean"])
def test_a_profile_with_segments_is_read_as_it_was_written(column: str) -> None:
    random = np.random.default_rng(7)
    values = {"text": ["a", "b"], "number": [1.5, 2.0], "boolean": [True, False]}[column]
    frame = pa.table(
        {"x": random.normal(size=3_000), "of": random.choice(values, 3_000), "t": np.arange(3_000) * 60.0}
    )
    made = profile(frame, time_column="t", segments=["of"], segment_seconds=600.0)
    text = profile_to_json(made)
    again = profile_from_json(text)
    assert profile_to_json(again) == text
    for sample in (frame.slice(0, 300), frame.slice(0, 0)):
        counts = segment_counts(sample, again, again.segments[0]).counts
        assert counts.sum(2)[:, 0].sum() == len(sample)
        for place, part in enumerate(again.segments[0].profiles):
            first, second = (
                judge(counts[place], each.segments[0].profiles[place], budget=0.01, window_seconds=600.0)
                for each in (made, again)
            )
            assert first == second
            assert part.rows >= 500


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"values":["a","b"]', '"values":["a"]'), "the segments of 'of' are not one a value"),
        (('"column":"of"', '"column":"off"'), "segments of 'off', which is no feature"),
        (('"values":["a","b"]', '"values":["a","a"]'), "are not one a value"),
    ],
)
def test_damaged_segments_are_told(change: tuple[str, str], words: str) -> None:
    frame = pa.table({"x": np.arange(2_000) * 1.0, "of": ["a", "b"] * 1_000})
    text = profile_to_json(profile(frame, segments=["of"]))
    assert change[0] in text
    with pytest.raises(ConfigError, match=words):
        profile_from_json(text.replace(*change))


@pytest.mark.slow
def test_the_stored_size_is_bounded_by_features_times_segments() -> None:
    random = np.random.default_rng(8)
    wide = {f"f{place}": random.normal(size=12_000) for place in range(300)}
    frame = pa.table({**wide, "of": [f"v{number % 20}" for number in range(12_000)]})
    (made,) = profile(frame, segments=["of"]).segments
    assert len(made.values) == 6, "2,000 by 301 features"
    assert made.others is not None
    with pytest.raises(ConfigError, match="segments: 'off' is no feature that is judged"):
        profile(frame, segments=["off"])


def test_the_page_says_what_was_chosen_and_which_segments_there_are() -> None:
    sample = rows(1_000, 2, "PL", 1.3)
    sample.loc[:4, "country"] = "<b>"
    file = FILE + "    ignore: [noise]\n    weights: {amount: 3}\n    floors: {gone: 1 km, amount: 0.5 kg}\n"
    told = evidence_of(judged(sample, file).result("drift").extra_data)
    html = render("stands_on.html", each={"evidence": told, "status": 2}, root="")
    for words in (
        "not judged: <code>noise</code>",
        "weight: <code>amount</code> 3",
        "floor: <code>amount</code> 0.5 kg (0.",
        "<code>gone</code>: the training set has no such column",
        "10 segments judged apart",
        "<code>country</code> &#39;PL&#39;: ",
        "5 rows of values that training has not (&#39;&lt;b&gt;&#39;)",
    ):
        assert words in html
    plain = render("stands_on.html", each={"evidence": evidence_of({"why": "x"}), "status": 0}, root="")
    assert "Chosen" not in plain
