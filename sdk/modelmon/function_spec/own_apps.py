"""The apps that come with ModelMon: one line each, and whoever deploys, bundles or names them knows it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from modelmon.errors import ConfigError, no_such


@dataclass(frozen=True, slots=True)
class OwnApp:
    """An app that comes with ModelMon.

    `folder` is its function folder, `class_name` its class, for whoever gives it arguments of their own.
    `by_default`: it runs wherever nobody says which apps are wanted. `budget_weight` is its weight among the
    apps that share an endpoint's alarm budget, 0 for one that has no part of it. `requires` is what its class
    does: known before it has started for the first time.
    """

    name: str
    folder: str
    class_name: str
    by_default: bool = False
    budget_weight: float = 0.0
    requires: frozenset[str] = frozenset()


HISTOGRAM_DRIFT = "histogram-data-drift"
NONE = "none"
"""What a request or a command says for no app at all."""
OWN_APPS = {
    app.name: app
    for app in (
        OwnApp(
            HISTOGRAM_DRIFT, "apps/histogram_drift", "modelmon.apps.HistogramDataDriftApplication", True
        ),
        OwnApp("drift", "apps/drift", "modelmon.apps.DriftApplication", True, budget_weight=6),
        OwnApp(
            "data-quality", "apps/data_quality", "modelmon.apps.DataQualityApplication", True, budget_weight=2
        ),
        OwnApp(
            "service", "apps/service", "modelmon.apps.ServiceApplication", True, budget_weight=1,
            requires=frozenset({"empty windows"}),
        ),
        OwnApp(
            "model-performance", "apps/model_performance", "modelmon.apps.ModelPerformanceApplication", True,
            budget_weight=3, requires=frozenset({"actuals", "actuals or scores"}),
        ),
        OwnApp(
            "concept-drift", "apps/concept_drift", "modelmon.apps.ConceptDriftApplication", budget_weight=1,
            requires=frozenset({"actuals"}),
        ),
        OwnApp("data-skew", "apps/data_skew", "modelmon.apps.DataSkewApplication", budget_weight=1),
        OwnApp("anomalies", "apps/anomalies", "modelmon.apps.AnomaliesApplication", budget_weight=1),
    )
}  # fmt: skip
"""In the order in which they are deployed."""


def chosen_apps(apps: Collection[str] | None, *, histogram_drift: bool = True) -> list[str]:
    """Which of the own apps run: those named, each once, or with None those that run by default.

    Without `histogram_drift` the others run. Raises ConfigError for a name that is none
    of them, and where one argument asks for what the other leaves out.

    >>> chosen_apps(["histogram-data-drift"])
    ['histogram-data-drift']
    >>> chosen_apps([]), chosen_apps(["none"])
    ([], [])
    >>> chosen_apps(None, histogram_drift=False)
    ['drift', 'data-quality', 'service', 'model-performance']
    """
    if apps is None:
        chosen = [name for name, app in OWN_APPS.items() if app.by_default]
        return [name for name in chosen if histogram_drift or name != HISTOGRAM_DRIFT]
    apps = [] if in_words(apps) == [NONE] else apps
    for name in apps:
        if name not in OWN_APPS:
            raise no_such(f"apps: {name!r} does not come with ModelMon", name, OWN_APPS)
    if HISTOGRAM_DRIFT in apps and not histogram_drift:
        raise ConfigError(
            f"apps: names {HISTOGRAM_DRIFT!r}, which deploy_histogram_data_drift_app=False leaves out; give "
            "one of the two"
        )
    return [name for name in OWN_APPS if name in apps]


def in_words(apps: Collection[str] | None) -> list[str]:
    """The apps as a request says them, which knows no difference between nothing and an empty list.

    >>> in_words(None), in_words([]), in_words(["drift"])
    ([], ['none'], ['drift'])
    """
    if apps is None:
        return []
    if isinstance(apps, str) or not isinstance(apps, Collection) or not all(isinstance(n, str) for n in apps):
        raise ConfigError(f"apps: must be a list of names, got {apps!r}")
    return list(apps) or [NONE]
