"""What an app may return, and what is refused with an error that says what is allowed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from modelmon.apps import (
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationBaseV2,
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationStats,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.apps.results import outputs
from modelmon.errors import ConfigError

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def result(name: str = "drift", value: Any = 0.5, **changes: Any) -> ModelMonitoringApplicationResult:
    fields = {"kind": ResultKindApp.data_drift, "status": ResultStatusApp.detected, **changes}
    return ModelMonitoringApplicationResult(name, value, **fields)


def test_a_result_is_made_as_in_mlrun() -> None:
    made = ModelMonitoringApplicationResult(
        name="drift", value=1, kind=ResultKindApp.concept_drift, status=ResultStatusApp.no_detection
    )
    assert (made.value, made.extra_data) == (1.0, {})
    assert ModelMonitoringApplicationBaseV2 is ModelMonitoringApplicationBase


@pytest.mark.parametrize("name", ["a", "_x", "drift_2", "A9"])
def test_a_name_is_an_identifier(name: str) -> None:
    assert (result(name).name, ModelMonitoringApplicationMetric(name, 1).name) == (name, name)


@pytest.mark.parametrize("name", ["", "2x", "a-b", "a b", "é", "a\n", None, 3])
def test_another_name_is_refused(name: Any) -> None:
    for make in (result, lambda name: ModelMonitoringApplicationMetric(name, 1)):
        with pytest.raises(ConfigError, match="is not the name of a"):
            make(name)


@pytest.mark.parametrize("value", [1, 0.5, True, np.float32(0.5), np.int64(3), Decimal("0.5"), np.array(2.0)])
def test_any_finite_number_is_a_value(value: Any) -> None:
    assert result(value=value).value == float(value)
    assert type(ModelMonitoringApplicationMetric("m", value).value) is float


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.nan])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    for make in (result, ModelMonitoringApplicationMetric):
        with pytest.raises(ConfigError, match="must be finite"):
            make("m", value)


@pytest.mark.parametrize("value", ["0.5", None, [1], b"1", {}, 1j])
def test_a_value_that_is_no_number_is_refused(value: Any) -> None:
    for make in (result, ModelMonitoringApplicationMetric):
        with pytest.raises(ConfigError, match="must be a number"):
            make("m", value)


@pytest.mark.parametrize("value", [10**400, np.arange(3.0)])
def test_a_number_no_float_can_hold_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="that a float can hold"):
        ModelMonitoringApplicationMetric("m", value)


def test_kind_and_status_may_be_the_wires_numbers() -> None:
    made = result(kind=2, status=-1)
    assert (made.kind, made.status) == (ResultKindApp.model_performance, ResultStatusApp.irrelevant)


@pytest.mark.parametrize("changes", [{"kind": 7}, {"status": 3}, {"status": "detected"}, {"kind": None}])
def test_an_unknown_kind_or_status_is_refused_with_those_there_are(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"must be one of .* \("):
        result(**changes)


def test_extra_data_is_json_of_any_length_with_numpys_values_made_plain() -> None:
    extra = {
        "long": "x" * 100_000,
        "n": np.int64(1),
        "array": np.arange(2),
        3: (True, None),
        "é": {"a": [1.5]},
    }
    made = result(extra_data=extra)
    assert made.extra_data == {
        "long": extra["long"],
        "n": 1,
        "array": [0, 1],
        "3": [True, None],
        "é": {"a": [1.5]},
    }
    assert json.loads(json.dumps(made.extra_data, allow_nan=False)) == made.extra_data


@pytest.mark.parametrize(
    ("extra", "place"),
    [
        ({"a": {"b": object()}}, r"extra_data\['a'\]\['b'\] is a object"),
        ({"a": [1, NOW]}, r"extra_data\['a'\]\[1\] is a datetime"),
        ({"a": float("nan")}, r"extra_data\['a'\] is nan"),
        ({"a": np.array([1.0, np.inf])}, r"extra_data\['a'\]\[1\] is inf"),
        ({"a": {1, 2}}, r"extra_data\['a'\] is a set"),
        ({(1, 2): 3}, r"extra_data has the key \(1, 2\)"),
        ({"a": "\ud800"}, r"extra_data\['a'\] .* no Unicode text"),
        (["a"], "extra_data must be a dict"),
        (None, "extra_data must be a dict"),
    ],
)
def test_extra_data_that_json_can_not_hold_is_named(extra: Any, place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        result(extra_data=extra)


def test_extra_data_that_holds_itself_is_refused() -> None:
    extra: dict[str, Any] = {}
    extra["self"] = extra
    with pytest.raises(ConfigError, match="too deep"):
        result(extra_data=extra)


def test_stats_have_one_of_two_names_and_an_aware_time() -> None:
    assert ModelMonitoringApplicationStats("current_stats", NOW, {"a": 1}).stats == {"a": 1}
    with pytest.raises(ConfigError, match="current_stats or drift_measures"):
        ModelMonitoringApplicationStats("other", NOW, {})
    with pytest.raises(ConfigError, match="time zone"):
        ModelMonitoringApplicationStats("current_stats", NOW.replace(tzinfo=None), {})
    with pytest.raises(ConfigError, match="must be a dict"):
        ModelMonitoringApplicationStats("current_stats", NOW, [])  # type: ignore[arg-type]


METRIC = ModelMonitoringApplicationMetric("m", 1)
RETURNED = [
    (None, []),
    ([], []),
    ({}, []),
    (METRIC, [METRIC]),
    (result(), [result()]),
    ([result(), METRIC], [result(), METRIC]),
    ((METRIC,), [METRIC]),
    ({"m": 1, "n": np.float64(2)}, [METRIC, ModelMonitoringApplicationMetric("n", 2)]),
]


@pytest.mark.parametrize(("returned", "expected"), RETURNED)
def test_what_an_app_may_return(returned: Any, expected: list[Any]) -> None:
    assert outputs(returned) == expected


@pytest.mark.parametrize("returned", [1.5, "drift", [METRIC, None], [[METRIC]], object(), {METRIC}])
def test_anything_else_is_refused_with_what_is_allowed(returned: Any) -> None:
    with pytest.raises(ConfigError, match="a list of them, a dict of metric names to numbers, or None"):
        outputs(returned)


@pytest.mark.parametrize("returned", [{"m": float("nan")}, {"m": "x"}, {"2": 1}, {3: 1}])
def test_a_dict_that_is_no_metrics_is_refused(returned: Any) -> None:
    with pytest.raises(ConfigError):
        outputs(returned)


@pytest.mark.parametrize("twice", [[METRIC, METRIC], [result("m"), METRIC]])
def test_two_outputs_of_one_name_are_refused(twice: list[Any]) -> None:
    with pytest.raises(ConfigError, match="two outputs are called 'm'"):
        outputs(twice)


def test_stats_and_a_metric_may_share_a_name() -> None:
    stats = ModelMonitoringApplicationStats("current_stats", NOW, {})
    assert len(outputs([stats, ModelMonitoringApplicationMetric("current_stats", 1)])) == 2
