"""Messages of the writer's stream become reports and dead letters: pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from modelmon import wire
from modelmon.errors import RejectedError
from modelmon.ledger.dead_letters import WHOLE_MESSAGE, letter_of
from modelmon.ledger.reports import AppReport
from modelmon.model import UNKNOWN_ENDPOINT, Answer, DeadLetter, Message, Stats, ValuePoint, WindowKey, to_us
from modelmon.stages.writer.feature_numbers import features_of
from modelmon.wire.allowance import Allowance


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a report came from: the message, the place in it, and what it holds of the report."""

    message: Message
    item: int
    envelopes: Sequence[wire.Envelope]


@dataclass(frozen=True, slots=True)
class Reading:
    """What messages hold: reports in their order, each with its origin, and what could not be read."""

    stream: str
    stream_id: str
    reports: list[AppReport] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


def registered_only(reading: Reading, registered: Collection[str], now_us: int) -> Reading:
    """The reading without the reports on endpoints that nobody has registered, which are set aside: such an
    endpoint was forgotten while they were on their way, and of it nothing is written any more."""
    if all(report.key.endpoint_id in registered for report in reading.reports):
        return reading
    found = Reading(reading.stream, reading.stream_id, letters=[*reading.letters])
    for report, origin in zip(reading.reports, reading.origins, strict=True):
        if report.key.endpoint_id in registered:
            found.reports.append(report)
            found.origins.append(origin)
        else:
            found.letters.append(_refusal(report, origin, reading, now_us))
    return found


def read_messages(messages: Sequence[Message], stream: str, stream_id: str, now_us: int) -> Reading:
    """Read messages of the writer's stream, named `stream` in the dead letters."""
    reading = Reading(stream, stream_id)
    with Allowance() as allowance:
        for message in messages:
            groups: dict[tuple[WindowKey, int], list[wire.Envelope]] = {}
            places: dict[tuple[WindowKey, int], int] = {}
            for place, item in enumerate(_items(allowance, message.body)):
                if isinstance(item, wire.RejectedItem):
                    reading.letters.append(_letter(item, message, stream, stream_id, now_us))
                else:
                    groups.setdefault((item.key, item.revision), []).append(item)
                    places.setdefault((item.key, item.revision), place)
            reading.reports.extend(map(_report, groups.values()))
            reading.origins.extend(Origin(message, places[key], some) for key, some in groups.items())
    return reading


def _items(allowance: Allowance, body: bytes) -> list[wire.Envelope | wire.RejectedItem]:
    try:
        return allowance.read(wire.read_report, body)
    except RejectedError as error:
        return [wire.RejectedItem(WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error.field, error.reason, body)]


def _report(envelopes: Sequence[wire.Envelope]) -> AppReport:
    """The report of envelopes that speak of one revision of one window."""
    values: list[ValuePoint] = []
    stats: list[Stats] = []
    answer: Answer | None = None
    for envelope in envelopes:
        content = envelope.content
        if isinstance(content, Answer):
            answer = content
        elif isinstance(content, Stats):
            stats.append(content)
        else:
            values.append(content)
    first = envelopes[0]
    return AppReport(
        key=first.key,
        endpoint_name=first.endpoint_name,
        end_us=to_us(first.window.end),
        revision=first.revision,
        values=tuple(values),
        stats=tuple(stats),
        features=features_of({each.name: each.stats for each in stats}),
        answer=answer,
    )


def _refusal(report: AppReport, origin: Origin, reading: Reading, now_us: int) -> DeadLetter:
    endpoint_id = report.key.endpoint_id
    reason = f"no endpoint {endpoint_id} is registered: it was forgotten, or never there"
    return letter_of(
        origin.message, RejectedError(reason, "endpoint_id"), reading.stream, reading.stream_id, now_us,
        item=origin.item, endpoint_id=endpoint_id, body=wire.write_report(origin.envelopes),
    )  # fmt: skip


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
