"""What an app found, as the envelopes that the writer reads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelmon import wire
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationStats,
    Output,
)
from modelmon.model import Answer, ArtifactNote, Stats, ValuePoint, to_us
from modelmon.window_sums import WindowSums
from modelmon.wire.reports import Content, revision_of

LONGEST_ERROR = 4_000  # characters of an error's text that travel


def done(
    event: wire.AppEvent,
    outputs: Sequence[Output],
    rows: int,
    artifacts: tuple[ArtifactNote, ...] = (),
    sums: WindowSums | None = None,
) -> bytes:
    """The report of a window that was judged, with or without outputs."""
    envelopes = [_envelope(event, _content(event, output)) for output in outputs]
    answer = Answer("done", envelopes=len(envelopes), rows=rows, artifacts=artifacts, sums=sums)
    return wire.write_report([*envelopes, _envelope(event, answer)])


def failed(event: wire.AppEvent, error: str, artifacts: tuple[ArtifactNote, ...] = ()) -> bytes:
    """The report of a window that could not be judged; what was kept of it until then is told of, too."""
    return wire.write_report([_envelope(event, Answer("failed", _readable(error), artifacts=artifacts))])


def unavailable(event: wire.AppEvent, reason: str) -> bytes:
    """The report of a window that is to be asked for again once what the app depends on answers."""
    return wire.write_report([_envelope(event, Answer("unavailable", _readable(reason)))])


def _readable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()[:LONGEST_ERROR]


def _content(event: wire.AppEvent, output: Output) -> Content:
    if isinstance(output, ModelMonitoringApplicationStats):
        return Stats(output.name, output.stats, to_us(output.timestamp))
    revision = revision_of(event.window_revision)
    place = (*event.key, to_us(event.window.end), output.name, output.value, revision)
    if isinstance(output, ModelMonitoringApplicationMetric):
        return ValuePoint(*place)
    extra_data = msgspec.json.encode(output.extra_data).decode()
    return ValuePoint(*place, int(output.kind), int(output.status), extra_data)


def _envelope(event: wire.AppEvent, content: Content) -> wire.Envelope:
    return wire.Envelope(
        endpoint_id=event.endpoint_id,
        endpoint_name=event.endpoint_name,
        application_name=event.application_name,
        window=event.window,
        content=content,
        window_revision=event.window_revision,
    )
