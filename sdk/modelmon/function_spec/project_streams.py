"""Which streams the project's deployed functions read, and in which consumer groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import deployed, functions_folder
from modelmon.function_spec.function_yaml import FunctionSpec, read_function
from modelmon.function_spec.topics import open_topic
from modelmon.function_spec.triggers import StreamTrigger
from modelmon.settings import Settings
from modelmon.streams import Stream


@dataclass(frozen=True, slots=True)
class StreamRead:
    """A function reads this topic, or stream with that URL, in this consumer group."""

    function: str
    group: str
    topic: str


def streams_read(settings: Settings) -> list[StreamRead]:
    """What the deployed functions read; one whose function.yaml is wrong reads nothing."""
    found: list[StreamRead] = []
    for name, folder in deployed(functions_folder(Path(settings.project_dir))).items():
        try:
            found += streams_of(name, read_function(folder, settings))
        except ConfigError:
            continue  # `modelmon functions` says so
    return found


def streams_of(name: str, function: FunctionSpec | None) -> Iterator[StreamRead]:
    """What one function reads, as its function.yaml says."""
    for trigger in function.triggers if function else ():
        if isinstance(trigger, StreamTrigger):
            for topic in trigger.topics:
                yield StreamRead(name, trigger.group, topic)


@contextmanager
def open_streams(settings: Settings) -> Iterator[tuple[dict[str, Stream], dict[str, str]]]:
    """Consumer group to the stream it reads, of every function that is deployed; and the streams that
    can't be opened, with the reason."""
    streams: dict[str, Stream] = {}
    unopened: dict[str, str] = {}
    down: dict[str, str] = {}  # where streams live, and who did not answer: each would take its time
    with ExitStack() as stack:
        for read in streams_read(settings):
            place, _, name = settings.stream_url(read.topic).rpartition("/")
            try:
                if place in down:
                    raise UnavailableError(f"not asked, because {down[place]} did not answer")
                streams[read.group] = open_topic(settings, read.topic, create=False)
                stack.callback(streams[read.group].close)
            except ConfigError as error:
                unopened[name] = str(error)
            except UnavailableError as error:
                unopened[name] = str(error)
                down.setdefault(place, name)
        yield streams, unopened
