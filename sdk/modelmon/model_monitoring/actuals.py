"""What came true for predictions, from a frame to the events stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError, RejectedError, no_such
from modelmon.model import MICROSECOND, Endpoint
from modelmon.model_monitoring.endpoints import called
from modelmon.model_monitoring.locating import opened
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.wire import Actuals, write_actuals
from modelmon.wire.actuals import cut
from modelmon.wire.identity import first_repeated, shown
from modelmon.wire.naming import as_registered

if TYPE_CHECKING:
    import pyarrow as pa

    from modelmon.stats.frames import Frame

ROWS_OF_EVENT = 1_000
LONGEST_BODY = 200_000  # bytes: far below what any stream takes
AT_ONCE = 100  # messages of one publish
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True, slots=True)
class LoggedActuals:
    """So many rows, in so many events, are on the stream; `without_value` more say nothing yet.

    `without_prediction` of the rows found no prediction when they were logged, and wait for it; None: the
    stored rows could not be read then, or lie in more than a thousand files.
    """

    endpoint_id: str
    rows: int
    events: int
    without_value: int = 0
    without_prediction: int | None = 0


@dataclass(frozen=True, slots=True)
class Naming:
    """The columns of a frame that name predictions: the request's id and row, or an entity and a time.
    `within`: how long the span is that begins at the time; None: exactly then."""

    request_id: str = "request_id"
    row: str = "row"
    entity: str | None = None
    time: str = "timestamp"
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if self.within is not None and (not isinstance(self.within, timedelta) or self.within < MICROSECOND):
            raise ConfigError(f"within: must be a timedelta above 0, got {self.within!r}")
        if self.within is not None and self.entity is None:
            raise ConfigError("within: goes together with entity")


def log_actuals(settings: Settings, endpoint: Endpoint | str, frame: Frame, naming: Naming) -> LoggedActuals:
    """Put the actuals of a frame on the events stream; all of them are looked at before any is sent.

    Raises ConfigError for an endpoint, column, value, row or entity that can't be, UnavailableError while the
    stream does not answer. What was sent before that is sent again by the same call, and counts once.
    """
    with opened(settings) as database:
        with database.read() as connection:
            meant = called(connection, endpoint if isinstance(endpoint, str) else endpoint.endpoint_id)
        found = actuals_of(frame, meant, naming)
        return send_actuals(settings, database, meant, found)


def send_actuals(settings: Settings, database: Database, endpoint: Endpoint, read: Read) -> LoggedActuals:
    """Put actuals on the events stream; durable when this returns. Raises as `log_actuals`."""
    from modelmon.function_spec.topics import open_topic
    from modelmon.model_monitoring.actuals_found import without_prediction

    actuals = read.actuals
    bodies = list(event_bodies(actuals, settings.project))
    missing = without_prediction(settings, database, endpoint, actuals) if bodies else 0
    with closing(open_topic(settings, settings.events_stream)) as stream:
        for first in range(0, len(bodies), AT_ONCE):
            stream.publish([(actuals.endpoint_id, body) for body in bodies[first : first + AT_ONCE]])
    return LoggedActuals(actuals.endpoint_id, len(actuals), len(bodies), read.without_value, missing)


def event_bodies(actuals: Actuals, project: str) -> Iterator[bytes]:
    """The messages of these actuals. Raises ConfigError for what can't be written."""
    for event in cut(actuals, ROWS_OF_EVENT):
        yield from _bodies(event, project)


def _bodies(event: Actuals, project: str) -> Iterator[bytes]:
    try:
        body = write_actuals(event, project=project)
    except (RejectedError, TypeError, OverflowError) as error:
        raise ConfigError(f"actuals: {error}") from None
    if len(body) <= LONGEST_BODY or len(event) == 1:
        yield body
        return
    for half in cut(event, -(-len(event) // 2)):
        yield from _bodies(half, project)


@dataclass(frozen=True, slots=True)
class Read:
    """The actuals of a frame, and how many of its rows say nothing yet."""

    actuals: Actuals
    without_value: int


def actuals_of(frame: Frame, endpoint: Endpoint, naming: Naming) -> Read:
    """What a frame of pandas, Arrow or polars says of an endpoint's predictions. Raises ConfigError."""
    from modelmon.apps.sample_frames import is_arrow, to_arrow
    from modelmon.stats.frames import as_frame

    plain = as_frame(frame)
    repeated = first_repeated(map(str, plain.column_names if is_arrow(plain) else plain.columns))
    if repeated is not None:
        raise ConfigError(f"actuals: two columns of the frame are called {repeated!r}")
    table = to_arrow(plain)
    named = _named(table, naming)
    left = [name for name in table.column_names if name not in named]
    names = called_as_predictions(left, endpoint)
    values = {name: _values(plain, own) for own, name in names.items()}
    kept = [place for place in range(len(table)) if any(each[place] is not None for each in values.values())]
    who = _by_entity(table, naming) if naming.entity is not None else _by_request(table, naming)
    whole = Actuals(endpoint.endpoint_id, values, **who)
    return Read(whole.take(kept), len(table) - len(kept))


def called_as_predictions(columns: Sequence[str], endpoint: Endpoint) -> dict[str, str]:
    """Each column with the name of the prediction that it is of. Raises ConfigError where it is of none."""
    if not columns:
        known = ", ".join(endpoint.label_names) or "none yet"
        raise ConfigError(f"actuals: no column holds values; the endpoint's predictions are: {known}")
    names = as_registered(endpoint.label_names, columns)
    for own, name in zip(columns, names, strict=True):
        if endpoint.label_names and name not in endpoint.label_names:
            raise no_such(f"actuals: the endpoint has no prediction {own!r}", own, endpoint.label_names)
    return dict(zip(columns, names, strict=True))


def _named(table: pa.Table, naming: Naming) -> tuple[str, ...]:
    needed = (naming.request_id,) if naming.entity is None else (naming.entity, naming.time)
    for name in needed:
        if name not in table.column_names:
            raise no_such(f"actuals: the frame has no column {name!r}", name, table.column_names)
    return (*needed, naming.row) if naming.entity is None else needed


def _by_request(table: pa.Table, naming: Naming) -> Mapping[str, Any]:
    ids = _texts(table, naming.request_id)
    if naming.row not in table.column_names:
        return {"request_ids": ids, "rows": [0] * len(ids)}
    rows = table.column(naming.row).to_pylist()
    for place, row in enumerate(rows):
        if type(row) is not int:
            raise ConfigError(f"actuals: row {place}: {naming.row} must be a whole number, got {row!r}")
    return {"request_ids": ids, "rows": rows}


def _by_entity(table: pa.Table, naming: Naming) -> Mapping[str, Any]:
    assert naming.entity is not None
    since_us = _times(table, naming.time)
    length_us = (naming.within or MICROSECOND) // MICROSECOND
    return {
        "request_ids": [],
        "rows": [],
        "entity": naming.entity,
        "entity_values": _texts(table, naming.entity),
        "since_us": since_us,
        "until_us": [each + length_us for each in since_us],
    }


def _texts(table: pa.Table, name: str) -> list[str]:
    from modelmon.stats.values import is_gap, spelled

    found = table.column(name).to_pylist()
    for place, value in enumerate(found):
        if is_gap(value) or value == "":
            raise ConfigError(f"actuals: row {place} names no prediction: its {name} is {value!r}")
    return [spelled(value) for value in found]


def _times(table: pa.Table, name: str) -> list[int]:
    import pyarrow as pa
    import pyarrow.types as types

    from modelmon.wire import read_moment

    column = table.column(name)
    try:
        if types.is_timestamp(column.type) or types.is_date(column.type):
            zone = column.type.tz if types.is_timestamp(column.type) else None
            moments = column.cast(pa.timestamp("us", zone)).cast(pa.int64(), safe=False)
            if moments.null_count:
                raise RejectedError("there is no time in some row")
            found: list[int] = moments.to_pylist()
            return found
        return [read_moment(value, name) for value in column.to_pylist()]
    except (RejectedError, pa.ArrowException) as error:
        raise ConfigError(f"actuals: column {name}: {error}") from None


def _values(frame: Frame, name: str) -> list[Any]:
    """The column as it came: a mixed one must not become a text on the way."""
    import numpy as np

    from modelmon.apps.sample_frames import is_arrow
    from modelmon.stats.values import is_gap

    if is_arrow(frame):
        found = frame.column(name).to_pylist()
    else:  # whose own gaps, `NA` and `NaT`, are no values
        found = frame[name].astype(object).where(frame[name].notna(), None).tolist()
    values: list[Any] = [
        None if is_gap(value) else value.item() if isinstance(value, np.generic) else value for value in found
    ]
    for place, value in enumerate(values):
        if value is not None and not isinstance(value, _PLAIN):
            got = f"a {type(value).__name__}, {shown(value)}"
            raise ConfigError(f"actuals: row {place}: {name} is a number, a text, true or false, got {got}")
    return values
