"""The default app: how far the distributions of inputs and predictions have moved since training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.classifier import DataDriftClassifier, ValueClassifier
from modelmon.apps.no_verdict import checked_min_rows, least_rows, state_against
from modelmon.apps.other_answers import ANSWERED_OTHERWISE, answered_otherwise
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationStats,
    Output,
)
from modelmon.errors import ConfigError
from modelmon.model import ResultKindApp, ResultStatusApp
from modelmon.private_columns import without_private

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.compare import Comparison

GENERAL, FEATURE = "general_drift", "feature_drift"
SHOWN = 20
"""Features whose distances a result carries, the worst first; `drift_measures` has all of them."""


class HistogramDataDriftApplication(ModelMonitoringApplicationBase):
    """Compares histograms of the window with the reference, feature by feature.

    A feature's score is the mean of its total variation and Hellinger distances, in [0, 1]. Results, both
    of kind data drift and judged by the same thresholds:

    - `general_drift`: the mean score over inputs and predictions, as MLRun computes it;
    - `feature_drift`: the largest score of an input (of a prediction too with `judge_predictions`), with
      that feature's name. One drifted feature among many shows here and not in the mean.

    Metrics: `<distance>_mean` for each of `distances`. Statistics: `current_stats` and `drift_measures`.

    A verdict may be `irrelevant`; its extra data then say why as `state`:

    - `warming up`: the window has fewer than `min_rows` rows;
    - `small reference`: the reference has fewer than `min_rows` rows;
    - `incomplete`: the data cover only a part of the window;
    - `no reference`: there are no reference statistics;
    - `no features`: none of the reference's features can be scored.

    The first three still carry the value. A window that is partial has a verdict, suspected at most.

    Arguments:

    - `potential_threshold` and `detected_threshold`, or a `value_classifier` of your own;
    - `distances`: names of `modelmon.stats.DISTANCES`;
    - `min_rows`: by default the setting `app_min_rows`;
    - `produce_json_artifact` and `produce_plotly_artifact`: keep the scores as files.
    """

    def __init__(
        self,
        value_classifier: ValueClassifier | None = None,
        produce_json_artifact: bool = False,
        produce_plotly_artifact: bool = False,
        *,
        potential_threshold: float = 0.5,
        detected_threshold: float = 0.7,
        distances: Sequence[str] = ("hellinger", "kld", "tvd"),
        min_rows: int | None = None,
        judge_predictions: bool = False,
    ) -> None:
        from modelmon.stats.distances import distance

        for name in [distances] if isinstance(distances, str) else distances:
            distance(name)  # raises for an unknown one, at the start
        if value_classifier is not None and not hasattr(value_classifier, "value_to_status"):
            raise ConfigError(f"value_classifier: must have value_to_status(value), got {value_classifier!r}")
        self._classifier = value_classifier or DataDriftClassifier(potential_threshold, detected_threshold)
        self._distances = (distances,) if isinstance(distances, str) else tuple(distances)
        self._min_rows = checked_min_rows(min_rows)
        self._judge_predictions = judge_predictions
        self._artifacts = {"json": produce_json_artifact, "html": produce_plotly_artifact}

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Output]:
        context = monitoring_context
        if not context.feature_stats:
            return self._without_value("no reference", context)
        comparison = self._compared(context)
        if not comparison.features:
            return self._without_value("no features", context, comparison)
        self._keep(context, comparison)
        results = [self._general(context, comparison), self._feature(context, comparison)]
        if self._is_reported(context.settings.drift_report, results):
            context.log_report()
        return [*self._means(comparison), *results, *self._statistics(context, comparison)]

    def _is_reported(self, wanted: str, results: Sequence[ModelMonitoringApplicationResult]) -> bool:
        """Whether a report of the window is kept: of all, or of those in which something was found."""
        bad = (ResultStatusApp.potential_detection, ResultStatusApp.detected)
        return wanted == "all" or (wanted == "bad" and any(each.status in bad for each in results))

    def _compared(self, context: MonitoringApplicationContext) -> Comparison:
        from modelmon.stats.compare import compare

        comparison = compare(context.frame, context.feature_stats, self._distances)
        empty = answered_otherwise(context, comparison.empty)
        renamed = dict.fromkeys(empty, ANSWERED_OTHERWISE)
        if not renamed:
            return comparison
        rest = {name: stats for name, stats in context.feature_stats.items() if name not in renamed}
        comparison = compare(context.frame, rest, self._distances)
        return replace(comparison, unscored={**comparison.unscored, **renamed})

    def _means(self, comparison: Comparison) -> list[ModelMonitoringApplicationMetric]:
        return [
            ModelMonitoringApplicationMetric(f"{name}_mean", comparison.distances[name].mean())
            for name in self._distances
        ]

    def _general(
        self, context: MonitoringApplicationContext, comparison: Comparison
    ) -> ModelMonitoringApplicationResult:
        value = float(comparison.scores.mean())
        return self._result(
            GENERAL, value, self._state(context, comparison), self._evidence(context, comparison)
        )

    def _feature(
        self, context: MonitoringApplicationContext, comparison: Comparison
    ) -> ModelMonitoringApplicationResult:
        scored = self._measures(comparison)
        predictions = {name: scored.pop(name) for name in context.label_names if name in scored}
        judged = {**scored, **predictions} if self._judge_predictions else scored
        ranked = sorted(judged, key=lambda name: -judged[name]["score"])
        evidence = {
            "feature": ranked[0] if ranked else None,
            "features": {name: judged[name] for name in ranked[:SHOWN]},
            "predictions": predictions,
            **self._evidence(context, comparison),
        }
        if not ranked:
            return self._result(FEATURE, 0.0, "no features", evidence)
        return self._result(FEATURE, judged[ranked[0]]["score"], self._state(context, comparison), evidence)

    def _statistics(
        self, context: MonitoringApplicationContext, comparison: Comparison
    ) -> list[ModelMonitoringApplicationStats]:
        means = {f"{name}_mean": float(comparison.distances[name].mean()) for name in self._distances}
        measures = {**means, **self._measures(comparison)}
        end = context.window.end
        return [
            ModelMonitoringApplicationStats("current_stats", end, comparison.sample_stats),
            ModelMonitoringApplicationStats("drift_measures", end, measures),
        ]

    def _measures(self, comparison: Comparison) -> dict[str, dict[str, float]]:
        """Score and distances of every feature that could be scored."""
        columns = {"score": comparison.scores, **comparison.distances}
        return {
            feature: {name: float(values[place]) for name, values in columns.items()}
            for place, feature in enumerate(comparison.features)
        }

    def _evidence(
        self, context: MonitoringApplicationContext, comparison: Comparison | None = None
    ) -> dict[str, Any]:
        """What the verdict stands on."""
        thresholds = {
            f"{name}_threshold": getattr(self._classifier, name)
            for name in ("potential", "detected")
            if hasattr(self._classifier, name)
        }
        found: dict[str, Any] = {"rows": context.rows, **thresholds}
        if comparison is not None:
            found["reference_rows"] = comparison.reference_rows
            found["scored_features"] = len(comparison.features)
            found |= {
                name: value
                for name, value in (
                    ("empty_features", list(comparison.empty)),
                    ("unscored_features", comparison.unscored),
                    ("invalid_values", comparison.invalid),
                )
                if value
            }
        return found

    def _state(self, context: MonitoringApplicationContext, comparison: Comparison) -> str:
        return state_against(context, comparison.reference_rows, least_rows(context, self._min_rows))

    def _result(
        self, name: str, value: float, state: str, evidence: dict[str, Any]
    ) -> ModelMonitoringApplicationResult:
        status = ResultStatusApp.irrelevant if state else self._classifier.value_to_status(value)
        extra = {"state": state, **evidence} if state else evidence
        return ModelMonitoringApplicationResult(name, value, ResultKindApp.data_drift, status, extra)

    def _without_value(
        self, state: str, context: MonitoringApplicationContext, comparison: Comparison | None = None
    ) -> list[Output]:
        context.logger.info("no drift is computed: %s", state)
        evidence = self._evidence(context, comparison)
        return [self._result(name, 0.0, state, evidence) for name in (GENERAL, FEATURE)]

    def _keep(self, context: MonitoringApplicationContext, comparison: Comparison) -> None:
        """Files are for people: without private columns."""
        scores = dict(zip(comparison.features, comparison.scores.tolist(), strict=True))
        if self._artifacts["json"]:
            body = without_private(context.settings, scores)
            context.log_artifact("features_drift_results", body=body, format="json")
        if self._artifacts["html"]:
            from modelmon.apps.drift_table import drift_table

            measures = without_private(context.settings, self._measures(comparison))
            page = drift_table(comparison.sample_stats, context.feature_stats, measures)
            context.log_artifact("drift_table_plot", body=page, format="html")
