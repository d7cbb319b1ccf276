"""Which consumer group reads which stream of a project."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stream, with the partitions it is made with, as one group reads it. One that the settings name by
    URL may belong to others too."""

    url: str
    partitions: int
    group: str
    named_by_url: bool = False


def events_of(settings: Settings) -> Subscription:
    """What the stream function reads."""
    named_by_url = "://" in settings.events_stream
    return Subscription(settings.events_url, settings.events_partitions, events_group(settings), named_by_url)


def reports_of(settings: Settings) -> Subscription:
    """What the writer reads."""
    named_by_url = "://" in settings.writer_stream
    return Subscription(settings.writer_url, settings.writer_partitions, writer_group(settings), named_by_url)


def windows_of(settings: Settings, application_name: str) -> Subscription:
    """What an app reads."""
    url, group = settings.app_url(application_name), app_group(settings, application_name)
    return Subscription(url, settings.app_partitions, group, "://" in settings.app_stream)


def events_group(settings: Settings) -> str:
    """The stream function's consumer group."""
    return settings.consumer_group("modelmon-stream", settings.events_stream)


def writer_group(settings: Settings) -> str:
    """The writer's consumer group."""
    return settings.consumer_group("modelmon-writer", settings.writer_stream)


def app_group(settings: Settings, application_name: str) -> str:
    """An app's consumer group."""
    return settings.consumer_group(f"modelmon-app-{application_name}", settings.app_stream)
