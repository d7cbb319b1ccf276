"""The histogram drift app: MLRun's numbers where they are right, a defined outcome where they were not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.apps import (
    DataDriftClassifier,
    HistogramDataDriftApplication,
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationStats,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.errors import ConfigError
from modelmon.model import Window
from modelmon.settings import Settings
from modelmon.stats import DISTANCES, describe
from modelmon.testing import Judgement, run_app

START, END = datetime(2025, 1, 31, 9, 50, tzinfo=UTC), datetime(2025, 1, 31, 10, tzinfo=UTC)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def three_features(rows: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Two normal features and a binary label, as in the published measurements of MLRun."""
    random = generator(seed)
    return pd.DataFrame(
        {"a": random.normal(size=rows), "b": random.normal(size=rows), "label": random.integers(0, 2, rows)}
    )


def judged(sample: Any, reference: Any, **arguments: Any) -> Judgement:
    return run_app(HistogramDataDriftApplication(), sample, reference, start=START, end=END, **arguments)


def rows_of(counts: list[int], centers: list[float]) -> list[float]:
    return [center for center, number in zip(centers, counts, strict=True) for _ in range(number)]


def test_the_means_and_general_drift_are_mlruns() -> None:
    edges, centers = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    expected = {"f1": [0, 0, 0, 30, 70, 0], "f2": [0, 45, 5, 15, 35, 0], "l": [30, 0, 0, 0, 0, 70]}
    found = {"f1": [2, 3, 0, 3, 1, 3], "f2": [0, 6, 0, 2, 1, 3], "l": [10, 0, 0, 0, 0, 2]}
    reference = {name: {"count": 100, "hist": [counts, edges]} for name, counts in expected.items()}
    sample = pd.DataFrame({name: rows_of(counts, centers) for name, counts in found.items()})
    app = HistogramDataDriftApplication(min_rows=1)
    judgement = run_app(app, sample, reference, label_names=["l"])
    means = {name: round(judgement.metric(f"{name}_mean").value, 6) for name in ("hellinger", "kld", "tvd")}
    assert means == {"hellinger": 0.512587, "kld": 3.478898, "tvd": 0.505556}
    general = judgement.assert_status("general_drift", "potential_detection")
    assert round(general.value, 6) == 0.509071


def test_the_worst_feature_is_named_with_its_distances() -> None:
    reference = three_features()
    sample = reference.assign(b=reference["b"] + 100)
    judgement = judged(sample, reference, label_names=["label"])
    judgement.assert_status("general_drift", "no_detection")
    worst = judgement.assert_status("feature_drift", "detected")
    assert (worst.value, worst.extra_data["feature"]) == (1.0, "b")
    assert worst.extra_data["features"]["b"].keys() == {"score", "tvd", "hellinger", "kld"}
    assert list(worst.extra_data["features"]) == ["b", "a"]
    assert worst.extra_data["predictions"]["label"]["score"] == 0


def test_both_results_keep_rows_and_thresholds() -> None:
    app = HistogramDataDriftApplication(potential_threshold=0.2, detected_threshold=0.3)
    frame = three_features()
    judgement = run_app(app, frame, frame)
    for name in ("general_drift", "feature_drift"):
        extra = judgement.result(name).extra_data
        assert (extra["rows"], extra["potential_threshold"], extra["detected_threshold"]) == (2000, 0.2, 0.3)


def test_the_outputs_are_the_metrics_the_results_and_the_statistics() -> None:
    frame = three_features()
    outputs = judged(frame, frame).outputs
    assert [(type(output), output.name) for output in outputs] == [
        (ModelMonitoringApplicationMetric, "hellinger_mean"),
        (ModelMonitoringApplicationMetric, "kld_mean"),
        (ModelMonitoringApplicationMetric, "tvd_mean"),
        (ModelMonitoringApplicationResult, "general_drift"),
        (ModelMonitoringApplicationResult, "feature_drift"),
        (ModelMonitoringApplicationStats, "current_stats"),
        (ModelMonitoringApplicationStats, "drift_measures"),
    ]
    assert {output.kind for output in outputs[3:5]} == {ResultKindApp.data_drift}


def test_statistics_are_of_the_end_of_the_window_on_the_bins_of_the_reference() -> None:
    frame = three_features()
    judgement = judged(frame.head(100), frame)
    current, measures = judgement.stats("current_stats"), judgement.stats("drift_measures")
    assert current.timestamp == measures.timestamp == END
    assert current.stats["a"]["hist"][1] == describe(frame)["a"]["hist"][1]
    assert current.stats["a"]["count"] == 100
    assert measures.stats["a"]["tvd"] > 0
    assert measures.stats["tvd_mean"] == judgement.metric("tvd_mean").value


@pytest.mark.parametrize("to_arrow", [False, True], ids=["pandas", "arrow"])
def test_evaluate_answers_alike_for_both_libraries(to_arrow: bool) -> None:
    frame = three_features().assign(c=generator().choice(["x", "y"], 2000))
    sample = three_features(seed=1).assign(c="x")
    expected = HistogramDataDriftApplication.evaluate(sample_data=sample, reference_data=frame)
    as_given = pa.Table.from_pandas if to_arrow else pd.DataFrame.copy
    assert (
        HistogramDataDriftApplication.evaluate(
            sample_data=as_given(sample), reference_data=json.loads(json.dumps(describe(as_given(frame))))
        )
        == expected
    )


# --- the imperfect inputs on which MLRun was wrong ------------------------------------------------------

DISCRETE = {
    "binary, 0.1": lambda random: (random.random(2000) < 0.1).astype(float),
    "binary, 0.5": lambda random: (random.random(2000) < 0.5).astype(int),
    "binary, 0.9": lambda random: random.random(2000) < 0.9,
    "three classes": lambda random: random.integers(0, 3, 2000),
    "capped exponential": lambda random: np.minimum(random.exponential(size=2000), 1.0),
    "normal": lambda random: random.normal(size=2000),
    "constant": lambda random: np.full(2000, 7.0),
    "tenths": lambda random: random.integers(0, 100, 2000) / 10,
    "texts": lambda random: random.choice(["x", "y"], 2000),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_identical_data_has_no_drift_at_all(name: str) -> None:
    frame = pd.DataFrame({"x": DISCRETE[name](generator())})
    judgement = judged(frame.sample(frac=1, random_state=1), frame)
    assert judgement.assert_status("general_drift", "no_detection").value == 0
    assert judgement.assert_status("feature_drift", "no_detection").value == 0
    assert {judgement.metric(f"{name}_mean").value for name in ("tvd", "hellinger", "kld")} == {0.0}


@pytest.mark.parametrize("seed", range(5))
def test_fresh_draws_of_the_same_normal_stay_below_a_tenth(seed: int) -> None:
    reference, sample = (
        pd.DataFrame({"x": generator(seed + shift).normal(size=5000)}) for shift in (100, 200)
    )
    assert judged(sample, reference).result("feature_drift").value < 0.1


def test_a_drifted_feature_shows_however_many_calm_ones_there_are() -> None:
    reference = pd.DataFrame(generator().normal(size=(2000, 20)), columns=[f"f{n}" for n in range(20)])
    judgement = judged(reference.assign(f7=reference["f7"] + 100), reference)
    assert judgement.assert_status("general_drift", "no_detection").value == pytest.approx(0.05)
    assert judgement.assert_status("feature_drift", "detected").extra_data["feature"] == "f7"


@pytest.mark.parametrize("rows", [1, 10, 49])
def test_too_few_rows_are_warming_up_and_still_have_their_value(rows: int) -> None:
    reference = three_features()
    judgement = judged(reference.head(rows) + 100, reference)
    for name in ("general_drift", "feature_drift"):
        result = judgement.assert_status(name, "irrelevant")
        assert (result.extra_data["state"], result.extra_data["rows"]) == ("warming up", rows)
        assert result.value > 0.7


@pytest.mark.parametrize("rows", [1, 5, 49])
@pytest.mark.parametrize("seed", range(5))
def test_a_reference_of_too_few_rows_gives_no_verdict_and_still_a_value(rows: int, seed: int) -> None:
    judgement = judged(three_features(1000, seed), three_features(rows, seed + 100))
    for name in ("general_drift", "feature_drift"):
        result = judgement.assert_status(name, "irrelevant")
        assert (result.extra_data["state"], result.extra_data["reference_rows"]) == ("small reference", rows)
        assert result.value > 0


def test_gaps_are_rows_of_the_reference_too_and_a_window_of_too_few_is_named_first() -> None:
    reference = three_features(60).assign(a=[1.0] * 3 + [np.nan] * 57)
    judged(reference, reference).assert_status("feature_drift", "no_detection")
    small = three_features(10)
    assert judged(small, small).result("feature_drift").extra_data["state"] == "warming up"


def test_the_least_number_of_rows_is_a_setting_and_an_argument() -> None:
    frame = three_features()
    judged(frame.head(50), frame).assert_status("general_drift", "no_detection")
    strict = Settings(app_min_rows=51)
    judged(frame.head(50), frame, settings=strict).assert_status("general_drift", "irrelevant")
    own = HistogramDataDriftApplication(min_rows=50)
    run_app(own, frame.head(50), frame, settings=strict).assert_status("general_drift", "no_detection")


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_window_that_the_data_cover_in_part_is_incomplete(bits: int) -> None:
    frame = three_features()
    result = judged(frame, frame, window_incomplete=bits).assert_status("general_drift", "irrelevant")
    assert (result.extra_data["state"], result.value) == ("incomplete", 0.0)


@pytest.mark.parametrize("bits", [5, 6, 7])
def test_a_partial_window_is_judged_and_suspected_at_most(bits: int) -> None:
    frame = three_features()
    drifted = frame.assign(a=frame["a"] + 1_000)
    suspected = judged(drifted, frame, window_incomplete=bits)
    worst = suspected.assert_status("feature_drift", "potential_detection")
    assert (worst.extra_data["state"], worst.value, worst.extra_data["feature"]) == ("partial", 1.0, "a")
    calm = judged(frame, frame, window_incomplete=bits).assert_status("feature_drift", "no_detection")
    assert calm.extra_data["state"] == "partial"


@pytest.mark.parametrize(("rows", "state"), [(49, "warming up"), (50, "partial")])
def test_a_partial_window_has_rows_enough(rows: int, state: str) -> None:
    frame = three_features()
    found = judged(frame.head(rows), frame, window_incomplete=7).result("general_drift")
    assert found.extra_data["state"] == state


def test_an_app_that_asks_for_fewer_rows_gets_no_partial_window_of_fewer_than_the_setting() -> None:
    frame = three_features()
    found = run_app(HistogramDataDriftApplication(min_rows=10), frame.head(20), frame, window_incomplete=7)
    assert found.assert_status("general_drift", "irrelevant").extra_data["state"] == "incomplete"


class Strict(ModelMonitoringApplicationBase):
    """Finds what its test says, whatever the rows."""

    def __init__(self, status: ResultStatusApp, **extra: str) -> None:
        self.status, self.extra = status, extra

    def do_tracking(self, monitoring_context: Any) -> Any:
        found = ModelMonitoringApplicationResult("x", 1.0, ResultKindApp.data_drift, self.status, self.extra)
        return [found, ModelMonitoringApplicationMetric("n", 3.0)]


@pytest.mark.parametrize(("status", "expected"), [(2, 1), (1, 1), (0, 0), (-1, -1)])
def test_what_any_app_finds_in_a_partial_window_is_suspected_at_most(status: int, expected: int) -> None:
    frame = three_features()
    found = run_app(Strict(ResultStatusApp(status)), frame, window_incomplete=6)
    assert (found.result("x").status, found.result("x").extra_data) == (expected, {"state": "partial"})
    assert found.metric("n").value == 3.0
    whole = run_app(Strict(ResultStatusApp(status)), frame, window_incomplete=2)
    assert (whole.result("x").status, whole.result("x").extra_data) == (status, {})


def test_a_state_of_the_apps_own_is_kept() -> None:
    found = run_app(
        Strict(ResultStatusApp.detected, state="no actuals"), three_features(), window_incomplete=6
    )
    assert found.assert_status("x", "potential_detection").extra_data == {"state": "no actuals"}


def test_evaluate_judges_a_partial_window_as_the_live_app_does() -> None:
    frame = three_features()
    drifted = frame.assign(a=frame["a"] + 1_000)
    outputs = HistogramDataDriftApplication.evaluate(
        sample_data=drifted, reference_data=frame, window_incomplete=7
    )
    (worst,) = (each for each in outputs if each.name == "feature_drift")
    assert (worst.status, worst.extra_data["state"]) == (ResultStatusApp.potential_detection, "partial")


def test_a_missing_feature_costs_only_that_feature() -> None:
    reference = three_features()
    judgement = judged(reference.drop(columns="b"), reference)
    scores = judgement.stats("drift_measures").stats
    assert {name: scores[name]["score"] for name in reference} == {"a": 0.0, "b": 1.0, "label": 0.0}
    assert judgement.assert_status("general_drift", "no_detection").value == pytest.approx(1 / 3)
    worst = judgement.assert_status("feature_drift", "detected").extra_data
    assert (worst["feature"], worst["empty_features"], worst["scored_features"]) == ("b", ["b"], 3)


@pytest.mark.parametrize("library", ["pandas", "arrow"])
def test_a_column_that_is_not_there_is_one_without_values(library: str) -> None:
    reference = three_features().assign(name=["x", "y"] * 1000)
    gone, empty = reference.drop(columns=["b", "name"]), reference.assign(b=np.nan, name=None)
    frames = [gone, empty] if library == "pandas" else [pa.Table.from_pandas(each) for each in (gone, empty)]
    first, second = (HistogramDataDriftApplication.evaluate(sample_data=each, reference_data=reference)
                     for each in frames)  # fmt: skip
    assert first == second


def test_a_sample_with_none_of_the_features_is_detected_and_names_them() -> None:
    judgement = judged(pd.DataFrame({"z": range(100)}), three_features())
    result = judgement.assert_status("general_drift", "detected")
    assert (result.value, result.extra_data["empty_features"]) == (1.0, ["a", "b", "label"])


def test_a_reference_that_can_not_be_scored_has_a_state_of_its_own() -> None:
    times = pd.DataFrame({"when": pd.date_range("2025-01-01", periods=100)})
    judgement = judged(times, times)
    assert len(judgement.outputs) == 2
    result = judgement.assert_status("general_drift", "irrelevant")
    assert result.extra_data["state"] == "no features"
    assert list(result.extra_data["unscored_features"]) == ["when"]


def test_without_a_reference_there_is_a_state_instead_of_silence() -> None:
    judgement = judged(three_features(), None)
    assert [output.name for output in judgement.outputs] == ["general_drift", "feature_drift"]
    result = judgement.assert_status("feature_drift", "irrelevant")
    assert (result.value, result.extra_data["state"]) == (0.0, "no reference")


def test_a_window_without_rows_has_no_outputs() -> None:
    frame = three_features()
    assert judged(frame.head(0), frame).outputs == ()


def test_missing_values_are_a_bin_of_their_own() -> None:
    reference = three_features()
    sample = reference.assign(a=reference["a"].where(reference.index % 4 != 0))
    scores = judged(sample, reference).stats("drift_measures").stats
    assert scores["a"]["tvd"] == pytest.approx(0.25)
    assert scores["b"]["score"] == 0


def test_gaps_as_frequent_as_in_training_are_no_drift() -> None:
    frame = pd.DataFrame({"a": np.where(np.arange(1000) % 4, np.arange(1000.0), np.nan)})
    assert judged(frame, frame).result("feature_drift").value == 0


@pytest.mark.parametrize("gap", [np.nan, None], ids=["NaN", "None"])
def test_a_feature_that_is_missing_everywhere_scores_one(gap: object) -> None:
    reference = three_features()
    worst = judged(reference.assign(a=gap), reference).assert_status("feature_drift", "detected")
    assert (worst.value, worst.extra_data["feature"], worst.extra_data["empty_features"]) == (1.0, "a", ["a"])


def test_a_gap_or_an_infinity_in_training_disables_nothing() -> None:
    reference = three_features()
    reference.loc[[3, 4], "a"] = [np.nan, np.inf]
    assert judged(reference, reference).assert_status("general_drift", "no_detection").value == 0
    judged(reference.assign(a=50.0), reference).assert_status("feature_drift", "detected")


def test_infinities_count_as_out_of_range() -> None:
    reference = three_features()
    scores = judged(reference.assign(a=np.inf), reference).stats("drift_measures").stats
    assert (scores["a"]["tvd"], scores["a"]["hellinger"]) == (1.0, 1.0)


def test_values_that_are_all_out_of_range_score_one() -> None:
    reference = three_features()
    judgement = judged(reference + 1000, reference)
    assert judgement.assert_status("general_drift", "detected").value == 1.0


def test_a_text_among_numbers_is_counted_as_missing_and_reported() -> None:
    reference = three_features()
    mixed = reference["a"].astype(object)
    mixed.iloc[:20] = "n/a"
    judgement = judged(reference.assign(a=mixed), reference)
    result = judgement.assert_status("feature_drift", "no_detection")
    assert result.extra_data["invalid_values"] == {"a": 20}
    assert judgement.stats("drift_measures").stats["a"]["tvd"] == pytest.approx(0.01)


def test_numbers_that_became_texts_beside_one_keep_their_values() -> None:
    reference = three_features()
    as_stored = reference["a"].map(str)  # how a column of mixed types comes out of the store
    assert judged(reference.assign(a=as_stored), reference).result("feature_drift").value == 0


def test_an_extra_column_is_ignored() -> None:
    frame = three_features()
    assert judged(frame.assign(extra=1), frame).outputs == judged(frame, frame).outputs


def test_unseen_categories_are_drift() -> None:
    reference = pd.DataFrame({"c": ["a", "b"] * 100})
    scores = judged(pd.DataFrame({"c": ["a", "new"] * 100}), reference).stats("drift_measures").stats
    assert scores["c"]["tvd"] == 0.5


def test_features_that_can_not_be_scored_are_named_with_the_reason() -> None:
    frame = three_features().assign(when=pd.Timestamp("2025-01-01"))
    result = judged(frame, frame).assert_status("general_drift", "no_detection")
    assert result.extra_data["unscored_features"] == {
        "when": f"values of type {frame['when'].dtype} are not scored"
    }
    assert result.extra_data["scored_features"] == 3


def test_a_score_is_never_above_one() -> None:
    # Shares of a third: their sums round to more than 1.
    reference = pd.DataFrame({"x": [float(place) for place in range(21)] * 3})
    for shift in (100, 1000):
        assert judged(reference + shift, reference).result("general_drift").value <= 1.0


# --- arguments ------------------------------------------------------------------------------------------


def test_predictions_count_in_the_mean_and_are_judged_alone_only_on_demand() -> None:
    reference = three_features()
    sample = reference.assign(label=5)
    judgement = judged(sample, reference, label_names=["label"])
    assert judgement.result("general_drift").value == pytest.approx(1 / 3)
    assert judgement.assert_status("feature_drift", "no_detection").value == 0
    assert judgement.result("feature_drift").extra_data["predictions"]["label"]["score"] == 1
    app = HistogramDataDriftApplication(judge_predictions=True)
    worst = run_app(app, sample, reference, label_names=["label"]).assert_status("feature_drift", "detected")
    assert worst.extra_data["feature"] == "label"


def test_a_reference_of_predictions_alone_has_no_worst_feature() -> None:
    frame = three_features()[["label"]]
    judgement = judged(frame, frame, label_names=["label"])
    judgement.assert_status("general_drift", "no_detection")
    assert judgement.assert_status("feature_drift", "irrelevant").extra_data["state"] == "no features"


@pytest.mark.parametrize("name", sorted(DISTANCES))
def test_every_distance_of_the_registry_can_be_a_metric(name: str) -> None:
    frame = three_features()
    judgement = run_app(HistogramDataDriftApplication(distances=[name]), frame + 1, frame)
    assert judgement.metric(f"{name}_mean").value > 0


def test_an_unknown_distance_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="unknown distance 'euclid'"):
        HistogramDataDriftApplication(distances=["euclid"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"distances": "euclid"}, "unknown distance 'euclid'"),
        ({"value_classifier": 0.7}, "value_classifier: must have value_to_status"),
        ({"min_rows": -1}, "min_rows: must be a whole number of at least 0, got -1"),
        ({"min_rows": 1.5}, "min_rows: .* got 1.5"),
    ],
)
def test_a_wrong_argument_is_refused_at_the_start(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        HistogramDataDriftApplication(**arguments)


@pytest.mark.parametrize(
    ("potential", "detected"), [(0.7, 0.5), (0.5, 0.5), (0, 0.5), (0.5, 1), (0.5, "high"), (None, 0.7)]
)
def test_thresholds_must_ascend_between_zero_and_one(potential: Any, detected: Any) -> None:
    with pytest.raises(ConfigError, match="0 < potential < detected < 1"):
        HistogramDataDriftApplication(potential_threshold=potential, detected_threshold=detected)


@pytest.mark.parametrize(
    ("value", "status"), [(0.0, 0), (0.4999, 0), (0.5, 1), (0.6999, 1), (0.7, 2), (1.0, 2)]
)
def test_a_threshold_belongs_to_the_status_above_it(value: float, status: int) -> None:
    assert DataDriftClassifier().value_to_status(value) == status


def test_a_classifier_of_the_users_own_decides() -> None:
    class Never:
        def value_to_status(self, value: float) -> ResultStatusApp:
            return ResultStatusApp.no_detection

    frame = three_features()
    judgement = run_app(HistogramDataDriftApplication(value_classifier=Never()), frame + 100, frame)
    assert "potential_threshold" not in judgement.assert_status("general_drift", "no_detection").extra_data


def test_a_wide_model_shows_its_twenty_worst_features() -> None:
    names = [f"f{number:03}" for number in range(100)]
    reference = pd.DataFrame(generator().normal(size=(500, 100)), columns=names)
    sample = reference + np.linspace(0, 3, 100)
    judgement = judged(sample, reference)
    shown = judgement.result("feature_drift").extra_data["features"]
    assert len(shown) == 20
    assert next(iter(shown)) == judgement.result("feature_drift").extra_data["feature"]
    assert set(names) < set(judgement.stats("drift_measures").stats)


def test_mlruns_names_of_artifacts_keep_the_scores_as_files(tmp_path: Path) -> None:
    frame = three_features().assign(**{"<b>": "x"})
    app = HistogramDataDriftApplication(None, True, True)
    run_app(app, frame, frame, settings=Settings(artifacts_path=str(tmp_path)), start=START, end=END)
    kept = {path.name.split("-")[0]: path for path in tmp_path.rglob("*") if path.suffix in {".json", ".html"}
            and not path.name.endswith(".meta.json")}  # fmt: skip
    scores = json.loads(kept["features_drift_results"].read_text())
    assert scores == {"a": 0.0, "b": 0.0, "label": 0.0, "<b>": 0.0}
    assert "&lt;b&gt;" in kept["drift_table_plot"].read_text()


def test_the_window_is_that_of_the_column_of_times_when_none_is_given() -> None:
    frame = three_features(60).assign(timestamp=pd.date_range("2025-01-01", periods=60, freq="s"))
    for sample in (frame, pa.Table.from_pandas(frame)):
        found = run_app(HistogramDataDriftApplication(), sample, frame)
        assert found.stats("current_stats").timestamp == datetime(2025, 1, 1, 0, 0, 59, 1, tzinfo=UTC)
        assert "timestamp" not in found.stats("current_stats").stats


NUMBERS_AS_TIMESTAMP = {
    "integers": lambda seconds: seconds.astype(int),
    "floats": lambda seconds: seconds,
    "texts": lambda seconds: seconds.astype(str),
    "objects": lambda seconds: seconds.astype(object),
}


@pytest.mark.parametrize("kind", NUMBERS_AS_TIMESTAMP)
@pytest.mark.parametrize("library", [pd.DataFrame, pa.Table.from_pandas])
def test_a_feature_called_timestamp_is_one_like_any_other(library: Any, kind: str) -> None:
    seconds = 1.7e9 + generator().integers(0, 100, 500)
    training, live = (
        library(
            pd.DataFrame(
                {"timestamp": NUMBERS_AS_TIMESTAMP[kind](moments), "x": generator(1).normal(size=500)}
            )
        )
        for moments in (seconds, seconds + 1e6)
    )
    worst = judged(live, training).assert_status("feature_drift", "detected")
    assert (worst.extra_data["feature"], worst.value) == ("timestamp", 1.0)
    run_app(HistogramDataDriftApplication(), live, training).assert_status("feature_drift", "detected")
    run_app(HistogramDataDriftApplication(), training, training).assert_status(
        "feature_drift", "no_detection"
    )


@pytest.mark.parametrize("arguments", [{"start": START}, {"end": END}, {"start": END, "end": START}])
def test_a_window_has_a_start_before_its_end(arguments: dict[str, datetime]) -> None:
    with pytest.raises(ConfigError, match="start"):
        HistogramDataDriftApplication.evaluate(sample_data=three_features(), **arguments)


def test_naive_times_are_utc() -> None:
    naive = [moment.replace(tzinfo=None) for moment in (START, END)]
    found = run_app(
        HistogramDataDriftApplication(), three_features(), three_features(), start=naive[0], end=naive[1]
    )
    assert found.stats("current_stats").timestamp == Window(START, END).end


def test_a_prediction_that_the_model_answers_under_other_names_is_not_scored_and_said() -> None:
    reference = three_features()
    answers = three_features(seed=1).drop(columns="label").assign(p0=0.7, p1=0.3, label=np.nan)
    found = judged(answers, reference, label_names=["label"]).result("general_drift")
    assert found.value < 0.1
    assert found.extra_data["unscored_features"] == {"label": "the model answers under other names"}
    silent = judged(answers.drop(columns=["p0", "p1"]), reference, label_names=["label"])
    assert silent.result("general_drift").value > 0.3
