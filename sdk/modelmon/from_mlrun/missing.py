"""What MLRun has and we have not, each with what there is instead; and the errors that say so."""

# ruff: noqa: E501 - a reason is one line, as it is told

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from modelmon.errors import ConfigError
from modelmon.from_mlrun.where import PACKAGE


def _all(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


_ALERTS = "channels and rules are in alerts.yaml, which has a page in the docs; project.store_alert_config keeps an alert there"
_LAG = "set_model_monitoring_lag_alert(notifications) tells when messages wait longer than a base period"
_BATCH = (
    "jobs and batch scoring by a call are not there yet; write the rows as events ('Wire formats' in the docs), "
    "`modelmon publish FILE` sends them"
)
_API = "MLRun's client reads from the page's address ('REST API' in the docs); here it is get_or_create_project(name, url=…)"
_NUCLIO = "write it in a function.yaml of the project's own ('The project SDK' in the docs, On disk)"
_SECRETS = "secrets come by environment variables or a Kubernetes Secret ('Secrets under Nuclio' in the docs)"
_SETTINGS = "settings are in modelmon.yaml and in variables MODELMON_… ('Settings' in the docs)"
_PLATFORM = "it belongs to MLRun's platform, which is not here: "
_JOBS = _PLATFORM + "no jobs and no pipelines"
_GIT = _PLATFORM + "keep the project's folder under git"
_BUILD = "images are built when a function is deployed: image= and requirements= of set_function"
_GATEWAYS = "API gateways are not there; put one in front of the function's HTTP trigger"
_FLOW = "serving graphs are not there, only the router of models"
_EVIDENTLY = "it is in modelmon.apps, and in modelmon.model_monitoring.applications.evidently"
_LOGGING = "keep it by log_artifact"
_STORED = "it judges rows at hand, by evaluate(sample_data=…); `modelmon judge` judges stored windows again"
_DEPLOY_APP = (
    "project.set_model_monitoring_function(name, func, application_class) and project.deploy_function do it"
)
_SAVED = "a project is its folder: copy that"
_NO_EFFECT = "the function.yaml in .modelmon/functions/<name> is what is deployed"
_NO_VIEW = "`modelmon endpoint NAME --json` has it, and so has the page ('REST API' in the docs)"

_BATCH_CALLS = _all("record_results write_monitoring_df trigger_drift_batch_job", _BATCH)
_EVIDENTLY_TYPES = _all(
    "EvidentlyModelMonitoringApplicationBase EvidentlyModelMonitoringApplicationBaseV2", _EVIDENTLY
)
_TDENGINE = _all(
    "DatastoreProfileTDEngine TDEngineDatastoreProfile",
    "TDengine is not there as a store; give tsdb_connection the URL of a database ('Stores' in the docs)",
)
_V3IO = _all(
    "DatastoreProfileV3io",
    "V3IO is not there, neither as a store nor as a stream; there are Kafka and databases ('What is not there' in the docs)",
)
_OTHER_PROFILES = _all(
    "DatastoreProfileAzureBlob DatastoreProfileBasic DatastoreProfileDBFS DatastoreProfileGCS "
    "DatastoreProfileHdfs DatastoreProfileRabbitMQ DatastoreProfileRedis DatastoreProfileS3",
    "profiles are there for Kafka and PostgreSQL; where files lie is the setting samples_path ('Stores' in the docs)",
)

NOT_HERE: Mapping[str, Mapping[str, str]] = {
    PACKAGE: {
        **_all("auto_mount mount_v3io mount_pvc", _PLATFORM + "volumes are written in function.yaml ('Deploying to Nuclio' in the docs)"),
        **_all("get_run_db db", _API),
        **_all("get_or_create_ctx new_task run_local run_function build_function deploy_function", _JOBS),
        **_all("mlconf set_environment set_env_from_file", _SETTINGS),
        **_all("get_secret_or_env", _SECRETS),
    },
    "artifacts": _all("Artifact ChartArtifact DatasetArtifact ModelArtifact TableArtifact", "log_artifact, log_dataset and log_model make it"),
    "common.schemas": {"alert_constants": "it is common.schemas.alert"},
    "datastore": {**_TDENGINE, **_V3IO, **_OTHER_PROFILES},
    "feature_store": _all("FeatureSet ingest create_training_dataset", _PLATFORM + "monitored samples alone are read here"),
    "model_monitoring": {**_BATCH_CALLS, **_EVIDENTLY_TYPES},
    "model_monitoring.api": _BATCH_CALLS,
    "frameworks": _all("auto_mlrun lgbm onnx pytorch tf_keras xgboost huggingface", "only frameworks.sklearn is there; write a V2ModelServer with load and predict ('Serving and tracking' in the docs)"),
    "frameworks.sklearn": _all("apply_mlrun", "log the model yourself: project.log_model(key, body=…, training_set=…)"),
    "serving": _all("GraphServer Model ModelRunnerStep LLModel states routers VotingEnsemble", _FLOW),
    "project": {
        **_all("notifiers push_run_notifications push_pipeline_notification_kfp_runner", _ALERTS),
        "paginated_list_alert_activations": "list_alert_activations has all of them",
        **_all("run_function", _BATCH),
        **_all("run set_workflow save_workflow workflows get_run_status list_runs paginated_list_runs "
               "params get_param add_custom_packager remove_custom_packager get_custom_packagers", _JOBS),
        **_all("build_function build_image build_config set_default_image default_image "
               "default_function_node_selector", _BUILD),
        **_all("get_secret set_secrets with_secrets", _SECRETS),
        **_all("create_remote set_remote remove_remote pull push set_source source mountdir reload", _GIT),
        **_all("get_api_gateway list_api_gateways store_api_gateway delete_api_gateway", _GATEWAYS),
        **_all("log_code_file log_document log_llm_prompt", _LOGGING),
        **_all("get_model_monitoring_url get_store_resource get_artifact_uri", _API),
        **_all("get_drift_over_time", _NO_VIEW),
        **_all("get_monitoring_function_summaries get_monitoring_function_summary",
               "`modelmon functions --json` and `modelmon health --json` have it"),
        **_all("create_user_model_endpoint",
               "modelmon.model_monitoring.get_or_create_model_endpoint makes an endpoint for a model served elsewhere"),
        **_all("list_artifacts paginated_list_artifacts delete_artifact import_artifact set_artifact "
               "update_artifact register_artifacts", "there are log_artifact, log_dataset and get_artifact"),
        **_all("paginated_list_models list_llm_prompts paginated_list_llm_prompts", "there is list_models"),
        **_all("list_functions paginated_list_functions get_function_names get_function_objects delete_function "
               "sync_functions", "there are get_function and list_model_monitoring_functions; `modelmon functions` lists all"),
        **_all("get_vector_store_collection get_config_profile_attributes get_item_absolute_path",
               _PLATFORM + "nothing takes its place"),
        **_all("export save_to_db setup copy to_dict to_json to_yaml to_str from_dict", _SAVED),
        **_all("description kind", _SETTINGS),
    },
    "function": {
        **_all("add_trigger add_v3io_stream_trigger add_rabbitmq_trigger with_limits with_requests "
               "with_node_selection with_preemption_mode with_priority_class with_security_context "
               "with_service_type with_sidecar with_annotations set_probe delete_probe set_config "
               "disable_default_http_trigger enable_default_http_trigger set_image_pull_configuration "
               "set_state_thresholds set_label set_categories with_v3io", _NUCLIO),
        **_all("with_secrets set_env_from_secret set_env_from_secret_ref", _SECRETS),
        **_all("to_job run as_step", _BATCH),
        **_all("add_child_function remove_states plot set_streaming set_openai_frontend set_api_handler_config", _FLOW),
        **_all("setup_model_monitoring", "set_tracking() logs a serving function's requests"),
        **_all("with_code with_source_archive from_image with_commands doc export", _BUILD),
        **_all("copy to_dict to_json to_yaml to_str from_dict", _NO_EFFECT),
        **_all("deploy_step wait_for_deployment", "there is deploy"),
        **_all("get_url", "`status.address` says where it answers, `invoke` asks it"),
        **_all("get_env is_env_exists", "`environment` has the variables"),
        **_all("serving_spec", "`spec` has it"),
    },
    "app": {**_all("to_job run", _STORED), **_all("deploy", _DEPLOY_APP)},
    "context": {
        "get_model": "`context.model` says where the model is",
        "latest_request": "the column timestamp of `context.sample_df` has the time of each row",
        "log_stream": "`context.logger` logs, and what do_tracking returns is sent to the writer",
    },
    "endpoint": {
        "drift_status": "`status.result_status` is the worst result; `status.state` says it in words",
        **_all("avg_latency current_stats drift_measures", _NO_VIEW),
    },
}  # fmt: skip
"""Whose (a module, or a kind of object) to the names that MLRun has there, and what there is instead."""

ARGUMENTS: Mapping[str, str] = {
    "lag_threshold": _LAG,
    "lag_event_cooldown": _LAG,
    "otlp_enabled": "set otlp_endpoint ('Settings' in the docs): verdicts of every app go there",
    "fetch_credentials_from_sys_config": "give set_model_monitoring_credentials the URLs",
    "stream_args": "how many partitions a stream has is the setting events_partitions ('Settings' in the docs)",
    "drift_threshold": "give it to the drift app: HistogramDataDriftApplication's value_classifier",
    "possible_drift_threshold": "give it to the drift app: HistogramDataDriftApplication's value_classifier",
    "endpoints": _STORED,
    "base_period": _STORED,
    "write_output": _STORED,
    "stream_profile": _STORED,
    "value_from": _SECRETS,
    "file_path": "give the variables as a dict",
    "class_name": "each model answers under its own name; ensembles of models are not there",
    "engine": _FLOW,
    "max_iterations": _FLOW,
    "allow_cyclic": _FLOW,
}
"""Arguments of MLRun's that ask for what is not there, whatever the call."""


class NotHereError(ConfigError, AttributeError):
    """An attribute that MLRun has and we have not; `hasattr` says no."""


class NameNotHereError(ConfigError, ImportError):
    """A module, or a name of one, that MLRun has and we have not; `except ImportError` takes it."""


def missing(owner: str, kind: str, name: str) -> AttributeError:
    """The error for an attribute that an object has not: by the table, else Python's own words."""
    reason = NOT_HERE[owner].get(name)
    if reason:
        return NotHereError(f"{name} is not there: {reason}")
    return AttributeError(f"{kind!r} object has no attribute {name!r}")


def missing_name(module: str, name: str) -> AttributeError:
    """The error for a name that a module (by its full name) has not: by the table, else Python's own words."""
    reason = reason_of(module, name)
    if reason:
        return NotHereError(f"{module}.{name} is not there: {reason}")
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def reason_of(module: str, name: str) -> str:
    """What the table says of a name of a module of ours, or of the nearest module above it; "" for nothing."""
    place = module.partition(".")[2]
    while place:
        if name in NOT_HERE.get(place, {}):
            return NOT_HERE[place][name]
        place = place.rpartition(".")[0]
    return NOT_HERE[PACKAGE].get(name, "") if module == PACKAGE else ""


def refuse(method: str, **arguments: object) -> None:
    """ConfigError for an argument of MLRun's that asks for something this platform does not have."""
    for name, value in arguments.items():
        if value not in (None, False, ""):
            reason = ARGUMENTS.get(name)
            mend = f": {reason}" if reason else "; leave it out"
            raise ConfigError(f"{method}: {name}={value!r} is not supported here{mend}")


class NotHere:
    """In a class's body, a method of MLRun's that is not there: asking for it says so."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._name = ""

    def __set_name__(self, kind: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, kind: type | None = None) -> NoReturn:
        raise missing(self._owner, kind.__name__ if kind else "", self._name)
