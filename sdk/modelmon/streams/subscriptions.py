"""Which consumer group reads which stream of a project."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings import Settings

STREAM_GROUP = "modelmon-stream"
WRITER_GROUP = "modelmon-writer"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stream, with the partitions it is made with, as one group reads it."""

    url: str
    partitions: int
    group: str


def app_group(application_name: str) -> str:
    """The consumer group of an app."""
    return f"modelmon-app-{application_name}"


def events_of(settings: Settings) -> Subscription:
    """What the stream function reads."""
    return Subscription(settings.events_url, settings.events_partitions, STREAM_GROUP)


def reports_of(settings: Settings) -> Subscription:
    """What the writer reads."""
    return Subscription(settings.writer_url, settings.writer_partitions, WRITER_GROUP)


def windows_of(settings: Settings, application_name: str) -> Subscription:
    """What an app reads."""
    url = settings.app_url(application_name)
    return Subscription(url, settings.app_partitions, app_group(application_name))
