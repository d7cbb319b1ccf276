"""Which module of ours has what MLRun has elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from modelmon.errors import ConfigError

PACKAGE = "modelmon"
_APPS = dict.fromkeys(
    (
        "HistogramDataDriftApplication",
        "ModelMonitoringApplicationBase",
        "ModelMonitoringApplicationBaseV2",
        "ModelMonitoringApplicationMetric",
        "ModelMonitoringApplicationResult",
        "MonitoringApplicationContext",
    ),
    "modelmon.apps",
)
_EVIDENTLY = {
    "EvidentlyModelMonitoringApplicationBase": "modelmon.apps",
    "EvidentlyModelMonitoringApplicationBaseV2": "modelmon.apps",
    "SUPPORTED_EVIDENTLY_VERSION": "modelmon.apps.evidently",
    "_HAS_EVIDENTLY": "modelmon.apps.evidently",
}
_VIEWS = "modelmon.from_mlrun.views"
_SCHEMAS = {
    "ModelEndpointCreationStrategy": _VIEWS,
    "ModelMonitoringMode": _VIEWS,
    "ResultKindApp": "modelmon.model",
    "ResultStatusApp": "modelmon.model",
}
_PROFILES = dict.fromkeys(
    ("DatastoreProfileKafkaSource", "DatastoreProfileKafkaStream", "DatastoreProfilePostgreSQL"),
    "modelmon.project.profiles",
)
_SERVER = "modelmon.serving.sklearn_server"
_OPENING = dict.fromkeys(
    ("code_to_function", "get_or_create_project", "import_function", "load_project", "new_function"),
    "modelmon.project",
)
_ALERT_SHAPES = dict.fromkeys(
    (
        "AlertActivation", "AlertActivations", "AlertActiveState", "AlertConfig", "AlertCriteria",
        "AlertNotification", "AlertSeverity", "AlertTemplate", "AlertTrigger", "EventEntities",
        "EventEntityKind", "EventKind", "ResetPolicy",
    ),
    "modelmon.from_mlrun.alerts",
)  # fmt: skip
_NOTIFICATIONS = dict.fromkeys(
    ("Notification", "NotificationKind", "NotificationSeverity"), "modelmon.from_mlrun.alerts"
)
_OF_ALERTS = {"AlertConfig": "modelmon.from_mlrun.alerts"}
MODULES: Mapping[str, Mapping[str, str]] = {
    "alerts": _OF_ALERTS,
    "alerts.alert": _OF_ALERTS,
    "artifacts": {"PlotlyArtifact": "modelmon.apps.artifacts"},
    "common": {},
    "common.schemas": {**_SCHEMAS, **_ALERT_SHAPES, **_NOTIFICATIONS},
    "common.schemas.alert": _ALERT_SHAPES,
    "common.schemas.notification": _NOTIFICATIONS,
    "common.schemas.model_monitoring": _SCHEMAS,
    "common.schemas.model_monitoring.constants": _SCHEMAS,
    "datastore": _PROFILES,
    "datastore.datastore_profile": _PROFILES,
    "frameworks": {},
    "frameworks.sklearn": {"SKLearnModelServer": _SERVER},
    "model_monitoring.applications": {**_APPS, **_EVIDENTLY},
    "model_monitoring.applications.base": _APPS,
    "model_monitoring.applications.context": _APPS,
    "model_monitoring.applications.evidently": _EVIDENTLY,
    "model_monitoring.applications.evidently.base": _EVIDENTLY,
    "model_monitoring.applications.evidently_base": _EVIDENTLY,
    "model_monitoring.applications.histogram_data_drift": {"DataDriftClassifier": "modelmon.apps", **_APPS},
    "model_monitoring.applications.results": _APPS,
    "model_monitoring.evidently_application": _EVIDENTLY,
    "projects": _OPENING,
    "run": _OPENING,
    "serving.v2_serving": {"V2ModelServer": "modelmon.serving"},
}
"""MLRun's module, below the package's own name, to its names and the module of ours that has each."""

_DRIFT = "modelmon.apps.histogram_drift.HistogramDataDriftApplication"
SKLEARN_SERVER = f"{_SERVER}.SKLearnModelServer"
_CLASSES: Mapping[str, Mapping[str, str]] = {
    "class_name": {
        "frameworks.sklearn.SKLearnModelServer": SKLEARN_SERVER,
        "frameworks.sklearn.model_server.SKLearnModelServer": SKLEARN_SERVER,
    },
    "application_class": {
        "model_monitoring.applications.HistogramDataDriftApplication": _DRIFT,
        "model_monitoring.applications.histogram_data_drift.HistogramDataDriftApplication": _DRIFT,
    },
}
"""By argument: classes that MLRun's users name by a text, below the package's name, and the same here."""
ROUTERS = (None, "mlrun.serving.ModelRouter", "mlrun.serving.routers.ModelRouter")
"""What the plain router of models is called."""
HUB = "hub://"
_HUB_SERVERS = ("v2-model-server", "v2_model_server")


def class_here(argument: str, class_name: str) -> str:
    """The class that a text like "mlrun.frameworks.sklearn.SKLearnModelServer" means here; any other text as
    it is. Raises ConfigError, which names the argument, for another class of MLRun's."""
    package, _, below = class_name.partition(".")
    known = _CLASSES[argument]
    if package in ("mlrun", PACKAGE) and below in known:
        return known[below]
    if package == "mlrun":
        there = ", ".join(f"mlrun.{name}" for name in known)
        raise ConfigError(f"{argument}: {class_name!r} is MLRun's and not there; there are: {there}")
    return class_name


def is_hub_model_server(url: object) -> bool:
    """Whether this is MLRun's ready-made model server, which is here too; ConfigError for anything else of
    MLRun's hub."""
    if not isinstance(url, str) or not url.startswith(HUB):
        return False
    name = url.removeprefix(HUB).rpartition("/")[2].partition(":")[0]
    if name in _HUB_SERVERS:
        return True
    raise ConfigError(
        f"func: MLRun's hub is not there, so {url!r} can't be fetched; there is hub://{_HUB_SERVERS[0]}. "
        "Give the path of the function's code"
    )
