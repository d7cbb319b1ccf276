"""Retention of streams: what every group has consumed may go."""

from __future__ import annotations

from collections.abc import Iterable

from modelmon.stages.controller.streams import ProjectStreams


def trim_consumed(streams: ProjectStreams, application_names: Iterable[str]) -> None:
    """Forget, per stream and partition, what the group that reads it has committed; nothing of a partition
    that was never committed."""
    for group, stream in streams.groups(application_names).items():
        committed = stream.committed(group)
        if committed:
            stream.trim(committed)
