"""Messages of the writer's stream become reports and dead letters: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelmon import wire
from modelmon.errors import RejectedError
from modelmon.ledger.dead_letters import WHOLE_MESSAGE, letter_of
from modelmon.ledger.reports import Report
from modelmon.model import UNKNOWN_ENDPOINT, Answer, DeadLetter, Message, Stats, ValuePoint, WindowKey, to_us
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
                    groups.setdefault((item.key, item.revision), []).append(item)
            reading.reports.extend(map(_report, groups.values()))
    return reading


def _items(allowance: Allowance, body: bytes) -> list[wire.Envelope | wire.RejectedItem]:
    try:
        return allowance.read(wire.read_report, body)
    except RejectedError as error:
        return [wire.RejectedItem(WHOLE_MESSAGE, UNKNOWN_ENDPOINT, error.field, error.reason, body)]


def _report(envelopes: Sequence[wire.Envelope]) -> Report:
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
    return Report(
        key=first.key,
        endpoint_name=first.endpoint_name,
        end_us=to_us(first.window.end),
        revision=first.revision,
        values=tuple(values),
        stats=tuple(stats),
        features=features_of({each.name: each.stats for each in stats}),
        answer=answer,
    )


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
