"""Model endpoints by name: `get_or_create_model_endpoint` and `list_model_endpoints`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.from_mlrun import missing_name, refuse
from modelmon.ledger import endpoints
from modelmon.ledger.window_ledger import BATCH
from modelmon.model import ENDPOINT_ID, LONGEST_ID, Endpoint, endpoint_id_of, wall_clock_us
from modelmon.model_monitoring import endpoints as registered
from modelmon.model_monitoring.locating import HasSettings, opened, settings_of
from modelmon.model_monitoring.logged_models import ModelArtifact, find_model
from modelmon.model_monitoring.shown import EndpointList, HereReading, with_reading
from modelmon.model_monitoring.statuses import requested_within, with_status
from modelmon.model_monitoring.written_times import Time
from modelmon.settings import Settings
from modelmon.stats import read_reference
from modelmon.wire.identity import LONGEST_NAME, split_model

__path__: list[str] = []  # so that `from … import name` is told what MLRun has here and we have not
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise missing_name(__name__, name)


MONITORING_MODES = ("enabled", "disabled")
REAL_TIME = "real_time"
ENDPOINT_MODES = (REAL_TIME, BATCH)
READING = ("model_tag", "function_tag", "top_level", "latest_only", "tsdb_metrics", "metric_list", "metrics")
"""Arguments of MLRun's that change what it reads of an endpoint; here everything is read."""
Labels = Mapping[str, str | None] | Collection[str] | str


def get_or_create_model_endpoint(
    project: HasSettings | str,
    model_path: str | ModelArtifact = "",
    model_endpoint_name: str = "",
    endpoint_id: str = "",
    function_name: str = "",
    context: object = None,
    sample_set_statistics: Mapping[str, Any] | None = None,
    monitoring_mode: str = "enabled",
    function_tag: str = "",
    mode: str = REAL_TIME,
    **others: Any,
) -> Endpoint:
    """The endpoint of this id, or of this name and function; made when there is none.

    `project` is a project or its name, then found in the folder `context` or from the current folder upward.
    The reference comes from `sample_set_statistics` (in the shape `modelmon.stats.describe` makes), else
    from the logged model that `model_path` means; an endpoint that has one keeps it. Without `endpoint_id` a
    new endpoint has the id that its model server would compute. Events may come in by any way.

    Windows of a new endpoint of `mode` "batch" close when its job says that it is complete, and not before
    (`modelmon publish --complete`). Those of "real_time" close by time too. An endpoint that is there keeps
    its mode. `function_tag` means nothing here. Raises ConfigError for a wrong value, or a name that several
    endpoints have.
    """
    refuse("get_or_create_model_endpoint", **others)
    settings = settings_of(project, context)
    _check(model_endpoint_name, endpoint_id, function_name, monitoring_mode, mode)
    artifact = find_model(settings, model_path)
    stats = _reference(sample_set_statistics, artifact)
    with opened(settings) as database, database.write() as connection:
        found = _find(connection, model_endpoint_name, endpoint_id, function_name)
        if found is not None and (found.feature_stats or not stats):
            return with_reading(found, HereReading(settings))
        if found is None and not model_endpoint_name:
            raise ConfigError(
                "model_endpoint_name: is needed to make an endpoint, and "
                + (f"none has the id {endpoint_id!r}" if endpoint_id else "no endpoint_id was given either")
            )
        wanted = found or replace(
            _new(settings, model_endpoint_name, endpoint_id, function_name, monitoring_mode), mode=mode
        )
        described = _described(wanted, model_path, artifact, stats)
        made_of = artifact if sample_set_statistics is None else None
        profile, performance = (made_of.profile, made_of.performance) if made_of else ("", "")
        contract = artifact.contract if artifact else ""
        made = registered.register(connection, described, wall_clock_us(), "", profile, contract, performance)
    return with_reading(made, HereReading(settings))


def list_model_endpoints(
    project: HasSettings | str,
    names: Collection[str] | str | None = None,
    model_name: str | None = None,
    function_name: str | None = None,
    labels: Labels | None = None,
    uids: Collection[str] | str | None = None,
    *,
    start: Time = None,
    end: Time = None,
    context: object = None,
) -> EndpointList:
    """The project's endpoints that meet every condition, by name, each with its `status` of now.

    `names` are endpoint names ("delay:v1"), `model_name` is without the version; `labels` is a dict, or
    "name" and "name=value" texts. With `start` or `end` the last request is in [start, end).
    """
    settings = settings_of(project, context)
    with opened(settings) as database, database.read() as connection:
        found = registered.select(
            connection,
            names=_several("names", names),
            model_name=model_name,
            function_name=function_name,
            labels=labels_of(labels),
            uids=_several("uids", uids),
        )
        return requested_within(with_status(connection, found, settings), start, end)


def _check(name: str, endpoint_id: str, function_name: str, monitoring_mode: str, endpoint_mode: str) -> None:
    for argument, text in (
        ("model_endpoint_name", name),
        ("endpoint_id", endpoint_id),
        ("function_name", function_name),
    ):
        if not isinstance(text, str) or len(text) > LONGEST_NAME or "\0" in text:
            raise ConfigError(
                f"{argument}: must be a text of at most {LONGEST_NAME} characters, got {text!r}"
            )
    check_endpoint_id(endpoint_id)
    if endpoint_mode not in ENDPOINT_MODES:
        raise ConfigError(f"mode: must be one of {', '.join(ENDPOINT_MODES)}, got {endpoint_mode!r}")
    mode = getattr(monitoring_mode, "value", monitoring_mode)
    if mode not in MONITORING_MODES:
        raise ConfigError(
            f"monitoring_mode: must be one of {', '.join(MONITORING_MODES)}, got {monitoring_mode!r}"
        )


def check_endpoint_id(endpoint_id: str) -> None:
    """ "" or an id that everyone takes; ConfigError otherwise."""
    if endpoint_id != "" and (not isinstance(endpoint_id, str) or not ENDPOINT_ID.fullmatch(endpoint_id)):
        raise ConfigError(
            f"endpoint_id: must be at most {LONGEST_ID} letters, digits, '_' and '-', got {endpoint_id!r}"
        )


def _find(connection: Connection, name: str, endpoint_id: str, function_name: str) -> Endpoint | None:
    if endpoint_id:
        return endpoints.get(connection, endpoint_id)
    found = endpoints.find(connection, name=name, function_name=function_name or None) if name else []
    if len(found) > 1:
        ids = ", ".join(endpoint.endpoint_id for endpoint in found)
        raise ConfigError(
            f"model_endpoint_name: {name!r} is the name of {len(found)} endpoints ({ids}); give the id"
        )
    return found[0] if found else None


def _new(
    settings: Settings, name: str, endpoint_id: str, function_name: str, monitoring_mode: str
) -> Endpoint:
    model, version = split_model(name, "")
    mode = getattr(monitoring_mode, "value", monitoring_mode)
    return Endpoint(
        endpoint_id=endpoint_id or endpoint_id_of(settings.project, function_name, model, version),
        project=settings.project,
        name=name,
        function_name=function_name,
        function_uri=f"{settings.project}/{function_name}" if function_name else "",
        version=version,
        # The controller reads the list: an empty one asks no app.
        policy={"monitoring_mode": mode} | ({} if mode == "enabled" else {"monitoring_applications": []}),
    )


def _described(
    endpoint: Endpoint, model_path: object, artifact: ModelArtifact | None, stats: Mapping[str, Any]
) -> Endpoint:
    if artifact is None:
        uri = endpoint.model_uri or (str(model_path) if model_path else "")
        return replace(endpoint, model_uri=uri, feature_stats=stats)
    return replace(
        endpoint,
        model_uri=artifact.uri,
        feature_stats=stats,
        feature_names=endpoint.feature_names or artifact.inputs,
        label_names=endpoint.label_names or artifact.outputs,
        policy={**artifact.policy, **endpoint.policy},
    )


def _reference(statistics: Mapping[str, Any] | None, artifact: ModelArtifact | None) -> Mapping[str, Any]:
    if statistics is None:
        return artifact.feature_stats if artifact else {}
    if not isinstance(statistics, Mapping):
        raise ConfigError(
            "sample_set_statistics: must be a dict of feature to statistics, as modelmon.stats.describe "
            f"makes of a frame, got a {type(statistics).__name__}"
        )
    bins, unscored = read_reference(statistics)
    if statistics and not bins:
        feature, reason = next(iter(unscored.items()))
        raise ConfigError(f"sample_set_statistics: no feature can be scored; {feature}: {reason}")
    return dict(statistics)


def _several(argument: str, value: Collection[str] | str | None) -> Collection[str] | None:
    values = [value] if isinstance(value, str) else value
    if values is not None and not (
        isinstance(values, Collection) and all(isinstance(entry, str) for entry in values)
    ):
        raise ConfigError(f"{argument}: must be texts, got {value!r}")
    return values


def labels_of(labels: Labels | None) -> Mapping[str, str | None] | None:
    """Each label that is wanted with its value, None of any. Raises ConfigError for what is no text."""
    if labels is None or isinstance(labels, Mapping):
        return labels
    pairs = (entry.partition("=") for entry in _several("labels", labels) or ())
    return {name: value if equals else None for name, equals, value in pairs}
