"""App reports: what an app sends to the writer about one window, as a list of envelopes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from modelmon.errors import RejectedError
from modelmon.model import (
    UNKNOWN_ENDPOINT,
    VALUE_NAME,
    Answer,
    ResultKindApp,
    ResultStatusApp,
    Stats,
    ValuePoint,
    Window,
    WindowKey,
    to_us,
)
from modelmon.wire.app_events import read_application_name, read_count
from modelmon.wire.artifacts import answer_fields, read_artifacts
from modelmon.wire.decoding import decode_any, split_array
from modelmon.wire.events import BOM
from modelmon.wire.identity import check_endpoint_id, check_name, shown
from modelmon.wire.items import RejectedItem
from modelmon.wire.times import read_moment, read_window, window_fields, write_moment
from modelmon.wire.window_sums import read_sums

OUTCOMES = ("done", "failed", "unavailable")
Data = dict[str, Any]
Content: TypeAlias = ValuePoint | Stats | Answer


class Place(NamedTuple):
    """The window of a report, and which revision of it."""

    endpoint_id: str
    application_name: str
    start_us: int
    end_us: int
    revision: int

    def point(self, name: str, value: float, *result: Any) -> ValuePoint:
        """A metric or, with kind, status and extra data, a result there."""
        return ValuePoint(
            self.endpoint_id, self.application_name, self.start_us, self.end_us, name, value, self.revision,
            *result,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Envelope:
    """One thing that an app says about one window of one endpoint: a metric or result, statistics, or, as the
    last one of a revision, its answer. `window_revision` is 0 in an envelope that MLRun made."""

    endpoint_id: str
    endpoint_name: str
    application_name: str
    window: Window
    content: Content
    window_revision: int = 0

    @property
    def key(self) -> WindowKey:
        return WindowKey(self.endpoint_id, self.application_name, to_us(self.window.start))

    @property
    def revision(self) -> int:
        return revision_of(self.window_revision)

    @property
    def event_kind(self) -> str:
        """Its name on the wire."""
        if isinstance(self.content, ValuePoint):
            return "metric" if self.content.kind is None else "result"
        return "stats" if isinstance(self.content, Stats) else "window"


def revision_of(window_revision: int) -> int:
    """The revision that a report is of: windows of MLRun's, which have none, are judged once."""
    return max(1, window_revision)


def write_report(envelopes: Sequence[Envelope]) -> bytes:
    """All envelopes of one window as one message of the writer's stream; its key is the endpoint id."""
    return msgspec.json.encode([_write_envelope(envelope) for envelope in envelopes])


def _write_envelope(envelope: Envelope) -> dict[str, Any]:
    return {
        "endpoint_name": envelope.endpoint_name,
        "application_name": envelope.application_name,
        "endpoint_id": envelope.endpoint_id,
        **window_fields(envelope.window),
        "event_kind": envelope.event_kind,
        "data": msgspec.json.encode(_data(envelope.content)).decode(),
        "window_revision": envelope.window_revision,
    }


def _data(content: Content) -> Data:
    if isinstance(content, Answer):
        return answer_fields(content)
    if isinstance(content, Stats):
        moment = write_moment(content.timestamp_us)
        return {"stats_name": content.name, "stats": content.stats, "timestamp": moment}
    if content.kind is None:
        return {"metric_name": content.name, "metric_value": content.value}
    return {
        "result_name": content.name,
        "result_value": content.value,
        "result_kind": content.kind,
        "result_status": content.status,
        "result_extra_data": content.extra_data,
    }


def read_report(body: bytes) -> list[Envelope | RejectedItem]:
    """The envelopes of one message, in order; one that can't be read is a RejectedItem, alone.

    Never raises for any bytes.
    """
    body = body.removeprefix(BOM).strip()
    try:
        elements = split_array(body) if body[:1] == b"[" else [body]
        if not elements:
            raise RejectedError("holds no envelope: the array is empty")
    except RejectedError as error:
        return [RejectedItem(0, UNKNOWN_ENDPOINT, error.field, error.reason, body)]
    return [_read_or_set_aside(element, item) for item, element in enumerate(elements)]


def _read_or_set_aside(body: bytes, item: int) -> Envelope | RejectedItem:
    endpoint_id = UNKNOWN_ENDPOINT
    try:
        value = decode_any(body)
        if not isinstance(value, dict):
            raise RejectedError(f"an envelope is a JSON object, got {shown(value)}")
        endpoint_id = check_endpoint_id(value.get("endpoint_id"))
        return _read_envelope(endpoint_id, value)
    except RejectedError as error:
        return RejectedItem(item, endpoint_id, error.field, error.reason, body)


def _read_envelope(endpoint_id: str, value: dict[str, Any]) -> Envelope:
    event_kind = value.get("event_kind", "result")
    revision = read_count(value, "window_revision")
    name = check_name(value.get("endpoint_name"), "endpoint_name")
    application_name = read_application_name(value)
    window = read_window(
        value.get("start_infer_time"),
        value.get("end_infer_time"),
        inclusive="window_revision" not in value,
    )
    read = _READERS.get(event_kind) if isinstance(event_kind, str) else None
    if read is None:
        raise RejectedError(f"must be one of {', '.join(_READERS)}, got {shown(event_kind)}", "event_kind")
    place = Place(
        endpoint_id, application_name, to_us(window.start), to_us(window.end), revision_of(revision)
    )
    try:
        content = read(_read_data(value.get("data")), place)
    except RecursionError:
        raise RejectedError("is nested too deeply", "data") from None
    return Envelope(endpoint_id, name, application_name, window, content, revision)


def _read_data(data: Any) -> Data:
    if isinstance(data, str):
        try:
            data = decode_any(data.encode())
        except RejectedError as error:
            raise RejectedError(error.reason, f"data.{error.field}".rstrip(".")) from None
    if not isinstance(data, dict):
        raise RejectedError(f"must be the JSON text of an object, got {shown(data)}", "data")
    return data


def _read_result(data: Data, place: Place) -> ValuePoint:
    return place.point(
        _value_name(data, "result_name"),
        _number(data, "result_value"),
        _one_of(data, "result_kind", ResultKindApp),
        _one_of(data, "result_status", ResultStatusApp),
        _extra_data(data.get("result_extra_data")),
    )


def _read_metric(data: Data, place: Place) -> ValuePoint:
    return place.point(_value_name(data, "metric_name"), _number(data, "metric_value"))


def _read_stats(data: Data, _: Place) -> Stats:
    stats = data.get("stats")
    if not isinstance(stats, dict):
        raise RejectedError(f"must be an object, got {shown(stats)}", "data.stats")
    name = _value_name(data, "stats_name")
    return Stats(name, _without_non_finite(stats), read_moment(data.get("timestamp"), "data.timestamp"))


def _read_answer(data: Data, _: Place) -> Answer:
    outcome, error = data.get("outcome"), data.get("error", "")
    if outcome not in OUTCOMES:
        raise RejectedError(f"must be one of {', '.join(OUTCOMES)}, got {shown(outcome)}", "data.outcome")
    if not isinstance(error, str):
        raise RejectedError(f"must be a text, got {shown(error)}", "data.error")
    return Answer(
        outcome, error.replace("\x00", "\ufffd"), _count(data, "envelopes"), _count(data, "rows"),
        read_artifacts(data.get("artifacts", [])), read_sums(data.get("sums")),
    )  # fmt: skip


_READERS: dict[str, Callable[[Data, Place], Content]] = {
    "result": _read_result,
    "metric": _read_metric,
    "stats": _read_stats,
    "window": _read_answer,
}


def _value_name(data: Data, field: str) -> str:
    name = check_name(data.get(field), f"data.{field}")
    if not VALUE_NAME.fullmatch(name):
        raise RejectedError(
            f"has only letters, digits and '_' and starts with no digit, got {shown(name)}", f"data.{field}"
        )
    return name


def _number(data: Data, field: str) -> float:
    value = data.get(field)
    with suppress(OverflowError):  # an integer beyond the floats
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    raise RejectedError(f"must be a finite number, got {shown(value)}", f"data.{field}")


def _one_of(data: Data, field: str, kind: type[ResultKindApp] | type[ResultStatusApp]) -> int:
    value = data.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and value in set(kind):
        return int(value)
    known = ", ".join(f"{entry.value} ({entry.name})" for entry in kind)
    raise RejectedError(f"must be one of {known}, got {shown(value)}", f"data.{field}")


def _count(data: Data, field: str) -> int:
    try:
        return read_count(data, field)
    except RejectedError as error:
        raise RejectedError(error.reason, f"data.{field}") from None


def _extra_data(text: Any) -> str:
    if text is None:
        return "{}"
    if not isinstance(text, str):
        raise RejectedError(
            f"must be the JSON text of an object, got {shown(text)}", "data.result_extra_data"
        )
    try:
        value = decode_any(text.encode())
    except RejectedError as error:
        raise RejectedError(error.reason, "data.result_extra_data") from None
    if not isinstance(value, dict):
        raise RejectedError(
            f"must be the JSON text of an object, got {shown(text)}", "data.result_extra_data"
        )
    # Some writers leave NaN in it, which strict readers of the stored text would refuse.
    return msgspec.json.encode(_without_non_finite(value)).decode()


def _without_non_finite(value: Any) -> Any:
    """The same JSON with null for NaN and the infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_non_finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_non_finite(entry) for entry in value]
    return value
