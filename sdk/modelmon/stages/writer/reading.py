"""Messages of the writer's stream become reports and dead letters: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from modelmon import wire
from modelmon.errors import RejectedError
from modelmon.ledger.dead_letters import WHOLE_MESSAGE, letter_of
from modelmon.ledger.reports import Answer, Report, Stats
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter, Message, ValuePoint, WindowKey, to_us
from modelmon.stages.writer.features import features_of
from modelmon.wire.allowance import Allowance


@dataclass(frozen=True, slots=True)
class Reading:
    """What messages hold: reports in their order, and what could not be read."""

    reports: list[Report] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


def read_messages(messages: Sequence[Message], stream: str, stream_id: str, now_us: int) -> Reading:
    """Read messages of the writer's stream, named `stream` in the dead letters."""
    reading = Reading()
    with Allowance() as allowance:
        for message in messages:
            groups: dict[tuple[WindowKey, int], list[wire.Envelope]] = {}
            for item in _items(allowance, message.body):
                if isinstance(item, wire.RejectedItem):
                    reading.letters.append(_letter(item, message, stream, stream_id, now_us))
                else:
                    groups.setdefault((_key(item), _revision(item)), []).append(item)
            reading.reports.extend(map(_report, groups.values()))
    return reading


def _items(allowance: Allowance, body: bytes) -> list[wire.Envelope | wire.RejectedItem]:
    try:
        return allowance.read(wire.read_report, body)
    except RejectedError as error:
        return [wire.RejectedItem(WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error.field, error.reason, body)]


def _key(envelope: wire.Envelope) -> WindowKey:
    return WindowKey(envelope.endpoint_id, envelope.application_name, to_us(envelope.window.start))


def _revision(envelope: wire.Envelope) -> int:
    return max(1, envelope.window_revision)  # MLRun's have none


def _report(envelopes: Sequence[wire.Envelope]) -> Report:
    """The report of envelopes that speak of one revision of one window."""
    values, stats, answer = [], [], None
    told: dict[str, wire.reports.Data] = {}
    for envelope in envelopes:
        if envelope.event_kind == "window":
            answer = Answer(**envelope.data)
        elif envelope.event_kind == "stats":
            stats.append(_stats(envelope.data))
            told[envelope.data["stats_name"]] = envelope.data["stats"]
        else:
            values.append(_value(envelope))
    first = envelopes[0]
    return Report(
        key=_key(first),
        endpoint_name=first.endpoint_name,
        end_us=to_us(first.window.end),
        revision=_revision(first),
        values=tuple(values),
        stats=tuple(stats),
        features=features_of(told),
        answer=answer,
    )


def _value(envelope: wire.Envelope) -> ValuePoint:
    data, is_result = envelope.data, envelope.event_kind == "result"
    place = (*_key(envelope), to_us(envelope.window.end))
    revision = _revision(envelope)
    if not is_result:
        return ValuePoint(*place, data["metric_name"], data["metric_value"], revision)
    return ValuePoint(
        *place,
        data["result_name"],
        data["result_value"],
        revision,
        kind=data["result_kind"],
        status=data["result_status"],
        extra_data=data["result_extra_data"],
    )


def _stats(data: wire.reports.Data) -> Stats:
    timestamp_us = wire.read_moment(data["timestamp"], "data.timestamp")
    return Stats(data["stats_name"], msgspec.json.encode(data["stats"]).decode(), timestamp_us)


def _letter(
    item: wire.RejectedItem, message: Message, stream: str, stream_id: str, now_us: int
) -> DeadLetter:
    error = RejectedError(item.reason, item.field)
    return letter_of(
        message,
        error,
        stream,
        stream_id,
        now_us,
        item=item.item,
        endpoint_id=item.endpoint_id,
        body=item.body,
    )
