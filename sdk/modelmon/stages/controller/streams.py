"""The streams of a project with the group that reads each, opened when first asked for."""

from __future__ import annotations

from collections.abc import Iterable

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import Subscription, events_of, reports_of, windows_of


class ProjectStreams:
    """Opens each stream once. Raises what `open_stream` raises, at every call until it can be opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Stream] = {}

    def events(self) -> Stream:
        return self.open(events_of(self._settings))

    def writer(self) -> Stream:
        return self.open(reports_of(self._settings))

    def app(self, application_name: str) -> Stream:
        return self.open(windows_of(self._settings, application_name))

    def forget(self, stream: Stream) -> None:
        """Close a stream that failed: it may have been made anew, and the next use opens it again."""
        self._open.pop(stream.url, None)
        stream.close()

    def groups(self, application_names: Iterable[str]) -> dict[str, Stream]:
        """Group to the stream that it reads, of the whole chain with these apps."""
        return {each.group: self.open(each) for each in self._read(application_names)}

    def readers(self, application_names: Iterable[str]) -> dict[str, list[Subscription]]:
        """URL of each stream of the chain with these apps to who reads it."""
        found: dict[str, list[Subscription]] = {}
        for each in self._read(application_names):
            found.setdefault(each.url, []).append(each)
        return found

    def nothing_underway(self, application_name: str) -> bool:
        """Whether the app has read all its windows and the writer all reports; False when unknown."""
        try:
            read = windows_of(self._settings, application_name), reports_of(self._settings)
            return all(map(self._is_read, read))
        except (ConfigError, UnavailableError):
            return False

    def _read(self, application_names: Iterable[str]) -> list[Subscription]:
        apps = [windows_of(self._settings, name) for name in application_names]
        return [events_of(self._settings), reports_of(self._settings), *apps]

    def _is_read(self, subscription: Subscription) -> bool:
        stream = self.open(subscription)
        try:
            return not any(stream.lag(subscription.group).values())
        except (ConfigError, UnavailableError):
            self.forget(stream)
            raise

    def close(self) -> None:
        """Close every stream."""
        while self._open:
            self._open.popitem()[1].close()

    def open(self, subscription: Subscription) -> Stream:
        """The stream, opened once."""
        url = subscription.url
        if url not in self._open:
            # Deploying makes streams, and so do their readers: from here a deleted one is not brought back.
            self._open[url] = open_stream(url, subscription.partitions, self._settings, create=False)
        return self._open[url]
