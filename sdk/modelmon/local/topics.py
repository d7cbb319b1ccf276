"""The streams behind the topics of a function.yaml."""

from __future__ import annotations

from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream


def open_topic(settings: Settings, topic: str) -> Stream:
    """Open the project's stream called `topic` (or with that URL), made with its partitions if need be."""
    partitions = {
        settings.events_stream: settings.events_partitions,
        settings.writer_stream: settings.writer_partitions,
    }.get(topic, settings.app_partitions)
    return open_stream(settings.stream_url(topic), partitions, settings)
