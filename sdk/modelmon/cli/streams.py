"""The streams of the project with who reads each, opened for a command that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.sql.database import Database
    from modelmon.stages.controller.streams import ProjectStreams
    from modelmon.streams import Stream
    from modelmon.streams.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class OpenStreams:
    """Those that are open, with their readers; the reason of each that is not there, or does not answer."""

    opened: list[tuple[Stream, list[Subscription]]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


@contextmanager
def streams_of_chain(
    settings: Settings, records: Database, wanted: Callable[[Subscription], bool]
) -> Iterator[OpenStreams]:
    """The streams that are `wanted` by one of their readers, of the chain with the apps that are active."""
    from modelmon.ledger import registry
    from modelmon.stages.controller.streams import ProjectStreams

    with records.read() as connection:
        apps = [app.name for app in registry.active_apps(connection)]
    found = OpenStreams()
    with closing(ProjectStreams(settings)) as streams:
        for readers in streams.readers(apps).values():
            if wanted(readers[0]):
                _open(streams, readers, found)
        yield found


def _open(streams: ProjectStreams, readers: list[Subscription], found: OpenStreams) -> None:
    name = readers[0].url.rpartition("/")[2]
    try:
        found.opened.append((streams.open(readers[0]), readers))
    except ConfigError as error:
        found.missing[name] = str(error)
    except UnavailableError as error:
        found.unavailable[name] = str(error)
