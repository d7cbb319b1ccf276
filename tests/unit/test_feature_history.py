"""How a feature looked in each window stays known, by a few numbers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon import wire
from modelmon.model import FeatureNumbers, Window, WindowFeatures, WindowKey, from_us
from modelmon.stages.writer.feature_numbers import features_of
from modelmon.stats import compare, describe
from modelmon.stores.series.acknowledged_points import read_feature_history
from modelmon.stores.series.base import check_features
from unit.window_support import E1, Chain, at, done, stats

TRAINED = describe(pa.table({"age": [1.0, 2.0, 3.0, 4.0], "city": ["a", "a", "a", "b"], "when": [None] * 4}))
SAMPLE = pa.table({"age": [1.0, 4.0, None, 4.0], "city": ["b", "b", "c", "b"], "when": [None] * 4})


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    yield made
    made.close()


def reported(sample: pa.Table = SAMPLE) -> tuple[Any, Any]:
    """Statistics as the drift app reports them."""
    found = compare(sample, TRAINED)
    scores = dict(zip(found.features, found.scores.tolist(), strict=True))
    return found.sample_stats, {"tvd_mean": 0.5, **{name: {"score": score} for name, score in scores.items()}}


def window(start: int = 0, revision: int = 1) -> wire.AppEvent:
    span = Window(from_us(at(start)), from_us(at(start + 10)))
    return wire.AppEvent(E1, "name", "app", span, window_revision=revision)


def history(chain: Chain, *names: str, **page: Any) -> list[tuple[int, dict[str, FeatureNumbers]]]:
    found = read_feature_history(
        chain.database, chain.series, E1, "app", at(0), at(1_000), names or None, **page
    )
    return [((each.key.start_us - at(0)) // 60_000_000, dict(each.features)) for each in found.windows]


def test_a_number_keeps_its_mean_and_a_category_the_share_of_its_most_frequent_value() -> None:
    current, measures = reported()
    found = features_of({"current_stats": current, "drift_measures": measures})
    assert found["age"] == FeatureNumbers(measures["age"]["score"], 3, 1, mean=3.0)
    assert found["city"] == FeatureNumbers(measures["city"]["score"], 4, 0, share=0.75)
    assert (found["when"].rows, found["when"].missing, found["when"].mean) == (0, 4, None)


def test_the_score_of_an_app_of_mlruns_is_the_mean_of_its_distances() -> None:
    found = features_of(
        {
            "current_stats": {"age": {"count": 4.0, "mean": 1.5}, "timestamp": "…"},
            "drift_measures": {"age": {"tvd": 0.2, "hellinger": 0.4, "kld": 9.0}, "tvd_mean": 0.2},
        }
    )
    assert found == {"age": FeatureNumbers(pytest.approx(0.3), 4, 0, mean=1.5)}


def test_the_history_has_each_window_with_the_revision_that_counts(chain: Chain) -> None:
    for start in (0, 10):
        chain.serve(at(start + 1), now=at(start + 5))
    chain.settle(at(30))
    current, measures = reported()
    for event in (window(), window(10)):
        chain.report(stats(event, current), stats(event, measures, "drift_measures"), done(event))
    assert [start for start, _ in history(chain)] == [0, 10]
    again = window(revision=2)
    late, changed = reported(SAMPLE.slice(0, 2))
    chain.report(stats(again, late), stats(again, changed, "drift_measures"), done(again))
    (first, features), (_, others) = history(chain, "age")
    assert (first, features["age"].rows, others["age"].rows) == (0, 2, 3)
    assert set(features) == {"age"}
    assert [start for start, _ in history(chain, limit=1)] == [0]


def test_a_window_that_is_judged_again_without_statistics_has_no_features(chain: Chain) -> None:
    chain.serve(at(1), now=at(5))
    chain.settle(at(30))
    current, _ = reported()
    chain.report(stats(window(), current), done(window()))
    assert history(chain)
    chain.report(done(window(revision=2)))
    assert history(chain) == []


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
fields = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("count", "missing", "mean", "categories", "score", "tvd", "hellinger"), json)
)


named = st.dictionaries(st.sampled_from("ab"), fields | json)


@given(named, named)
def test_no_statistics_stop_the_writer(current: Any, measures: Any) -> None:
    found = features_of({"current_stats": current, "drift_measures": measures})
    check_features([WindowFeatures(WindowKey("e", "app", 0), 1, 1, found)])
