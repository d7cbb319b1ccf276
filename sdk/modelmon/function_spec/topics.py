"""The streams behind the topics of a function.yaml."""

from __future__ import annotations

from modelmon.errors import ConfigError
from modelmon.settings import Settings
from modelmon.streams import Stream, check_url, open_stream


def check_streams(settings: Settings) -> None:
    """ConfigError for addresses that no stream can have: every function would fail."""
    urls = {
        "events_stream": settings.events_url,
        "writer_stream": settings.writer_url,
        "app_stream": settings.app_url("app"),
    }
    for name, url in urls.items():
        try:
            check_url(url)
        except ConfigError as error:
            culprit = name if "://" in getattr(settings, name) else "stream_path"
            raise ConfigError(f"{culprit}: {error}") from error


def open_topic(settings: Settings, topic: str, *, create: bool = True) -> Stream:
    """Open the project's stream called `topic` (or with that URL); where there is none it is made with its
    partitions, unless `create` is False."""
    partitions = {
        settings.events_stream: settings.events_partitions,
        settings.writer_stream: settings.writer_partitions,
    }.get(topic, settings.app_partitions)
    return open_stream(settings.stream_url(topic), partitions, settings, create=create)
