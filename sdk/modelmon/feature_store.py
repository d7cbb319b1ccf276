"""Reading samples back: every endpoint has a monitoring feature set, and `get_offline_features` reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError
from modelmon.extras import install
from modelmon.from_mlrun import missing_name
from modelmon.ledger import endpoints
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import HasSettings, opened, settings_of
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import PIECE_ROWS, read_pieces, read_sample
from modelmon.wire.times import LATEST_US

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__path__: list[str] = []  # so that `from … import name` is told what MLRun has here and we have not
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise missing_name(__name__, name)


URI = re.compile(r"store://feature-sets/(?P<project>[^/]+)/(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """Columns of one endpoint's monitoring feature set, as MLRun names them: "set.column"; "set.*" is all.

    A set is named as `get_feature_set` takes it. Raises ConfigError for features of several sets.
    """

    name: str
    features: Sequence[str]

    def __post_init__(self) -> None:
        parts = [str(each).rpartition(".") for each in self.features]
        if isinstance(self.features, str) or not parts or not all(part[0] and part[2] for part in parts):
            raise ConfigError(
                f"features: must be a list of texts like 'monitoring-serving-delay.*', got {self.features!r}"
            )
        if len({part[0] for part in parts}) > 1:
            raise ConfigError(f"features: must all be of one feature set, got {list(self.features)!r}")

    @property
    def feature_set(self) -> str:
        return self.features[0].rpartition(".")[0]

    @property
    def columns(self) -> list[str] | None:
        """The columns that are named, None for all."""
        names = [each.rpartition(".")[2] for each in self.features]
        return None if "*" in names else names


@dataclass(frozen=True, slots=True)
class OfflineFeatures:
    """What `get_offline_features` answers to a vector."""

    samples: pd.DataFrame

    def to_dataframe(self) -> pd.DataFrame:
        """The samples as pandas."""
        return self.samples


@dataclass(frozen=True, slots=True)
class MonitoringFeatureSet:
    """What is stored of one endpoint, under the name and in the terms of MLRun's feature sets.

    `name` is made of function and model, `tag` is the endpoint id; `features` and `labels` (the predictions)
    are the columns known by now.
    """

    name: str
    tag: str
    project: str
    features: tuple[str, ...]
    labels: tuple[str, ...]
    settings: Settings = field(repr=False, compare=False)
    entities: tuple[str, ...] = ("endpoint_id",)
    timestamp_key: str = "timestamp"

    @property
    def endpoint_id(self) -> str:
        return self.tag

    @property
    def uri(self) -> str:
        return f"store://feature-sets/{self.project}/{self.name}:{self.tag}"

    def to_dataframe(
        self, start_time: Time = None, end_time: Time = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The samples of [start_time, end_time) as pandas."""
        frame: pd.DataFrame = get_offline_features(self, start_time, end_time, columns)
        return frame


def get_feature_set(
    feature_set: str, *, project: HasSettings | str | None = None, context: object = None
) -> MonitoringFeatureSet:
    """The monitoring feature set of an endpoint, by name ("name" or "name:tag"), uri, endpoint id or name."""
    settings = settings_of(project, context)
    endpoint = _find(settings, feature_set)
    return MonitoringFeatureSet(
        endpoint.feature_set,
        endpoint.endpoint_id,
        settings.project,
        endpoint.feature_names,
        endpoint.label_names,
        settings,
    )


def get_offline_features(
    endpoint: Endpoint | MonitoringFeatureSet | FeatureVector | str,
    start: Time = None,
    end: Time = None,
    columns: Sequence[str] | None = None,
    as_arrow: bool = False,
    *,
    actuals: bool = False,
    project: HasSettings | str | None = None,
    context: object = None,
    start_time: Time = None,
    end_time: Time = None,
) -> pd.DataFrame | pa.Table | Any:
    """The samples of one endpoint in [start, end), by time: a pandas DataFrame, or with `as_arrow` a table.

    `endpoint` is an endpoint, its id or name, or its monitoring feature set (object, name or uri). Times are
    datetimes, days or ISO texts (without offset: UTC); None is no bound. `columns` reads just these, in their
    order; otherwise there are `timestamp`, features, predictions and metadata. Of a FeatureVector its columns
    are read, and the answer is an OfflineFeatures. With `actuals` each prediction has a column
    `actual.<prediction>` of what came true by now, null where nothing has. `start_time` and `end_time` are
    MLRun's names of `start` and `end`. The project is `project`, else the one in `context` or around the
    current folder. Raises
    ConfigError for an endpoint, column or time that can't be, UnavailableError when a store does not answer.
    """
    start, end = (start_time if start is None else start), (end_time if end is None else end)
    if isinstance(endpoint, FeatureVector):
        chosen = endpoint.columns if columns is None else columns
        found = get_offline_features(
            endpoint.feature_set, start, end, chosen, as_arrow,
            actuals=actuals, project=project, context=context,
        )  # fmt: skip
        return OfflineFeatures(found)
    asked = _asked(endpoint, start, end, columns, project, context)
    with opened(asked.settings) as database:
        samples, beside = open_samples(asked.settings), open_actuals(asked.settings) if actuals else None
        table = read_sample(database, samples, asked.endpoint_id, *asked.span, columns, actuals=beside)
    return table if as_arrow else _to_pandas(table)


def iter_offline_features(
    endpoint: Endpoint | MonitoringFeatureSet | str,
    start: Time = None,
    end: Time = None,
    columns: Sequence[str] | None = None,
    *,
    rows: int = PIECE_ROWS,
    actuals: bool = False,
    project: HasSettings | str | None = None,
    context: object = None,
) -> Iterator[pa.Table]:
    """The samples of `get_offline_features`, as Arrow tables of about so many rows, one after the other.

    A piece has more rows where files overlap or one is larger (at most 16 million values, rows times columns,
    in what compaction made). A column's type can differ between pieces. Raises as `get_offline_features`.
    """
    if rows < 1:
        raise ConfigError(f"rows: must be at least 1, got {rows!r}")
    asked = _asked(endpoint, start, end, columns, project, context)
    return _pieces(asked, columns, rows, actuals)


def _pieces(
    asked: _Asked, columns: Sequence[str] | None, rows: int, with_actuals: bool
) -> Iterator[pa.Table]:
    with opened(asked.settings) as database:
        samples = open_samples(asked.settings)
        beside = open_actuals(asked.settings) if with_actuals else None
        yield from read_pieces(
            database, samples, asked.endpoint_id, *asked.span, columns, rows=rows, actuals=beside
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose samples of what time are asked for."""

    settings: Settings
    endpoint_id: str
    span: tuple[int, int]


def _asked(
    endpoint: Endpoint | MonitoringFeatureSet | str,
    start: Time,
    end: Time,
    columns: Sequence[str] | None,
    project: HasSettings | str | None,
    context: object,
) -> _Asked:
    start_us, end_us = moment_us(start, "start", 0), moment_us(end, "end", LATEST_US)
    if start_us >= end_us:
        raise ConfigError(f"end: must come after start {start!r}, got {end!r}")
    if isinstance(columns, str):
        raise ConfigError(f"columns: must be a list of names, got {columns!r}")
    if isinstance(endpoint, MonitoringFeatureSet) and project is None and context is None:
        settings = endpoint.settings
    else:
        settings = settings_of(project, context)
    meant = _find(settings, endpoint) if isinstance(endpoint, str) else endpoint
    if not isinstance(meant, Endpoint | MonitoringFeatureSet):
        raise ConfigError(f"endpoint: must be an endpoint, its id or name, or its feature set, got {meant!r}")
    return _Asked(settings, meant.endpoint_id, (start_us, end_us))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = table.to_pandas()
    except ModuleNotFoundError as error:
        raise ConfigError(f"pandas is not installed: {install('apps')}, or ask for as_arrow=True") from error
    return frame


def _find(settings: Settings, name: str) -> Endpoint:
    """By endpoint id, else by feature set, else by endpoint name."""
    match = URI.fullmatch(name)
    if match is not None and match["project"] != settings.project:
        raise ConfigError(f"feature set {name!r} is of another project than {settings.project!r}")
    wanted = match["name"] if match else name
    with opened(settings) as database, database.read() as connection:
        by_id = endpoints.get(connection, wanted)
        known = [by_id] if by_id else endpoints.find(connection)
    found = [by_id] if by_id else [each for each in known if _is_called(each, wanted)]
    if not found:
        names = ", ".join(sorted({each.name for each in known})) or "none"
        raise ConfigError(
            f"no endpoint or feature set {name!r} in project {settings.project}; endpoints: {names}"
        )
    if len(found) > 1:
        ids = ", ".join(each.endpoint_id for each in found)
        raise ConfigError(f"{name!r} is the name of {len(found)} endpoints; give one of the ids {ids}")
    return found[0]


def _is_called(endpoint: Endpoint, name: str) -> bool:
    feature_set, _, tag = name.rpartition(":")
    return name in (endpoint.name, endpoint.feature_set) or (
        feature_set == endpoint.feature_set and tag.removesuffix("_") == endpoint.endpoint_id
    )
