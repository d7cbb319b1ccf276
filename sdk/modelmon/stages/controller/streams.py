"""The streams of a project with the group that reads each, opened when first asked for."""

from __future__ import annotations

from collections.abc import Iterable

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import STREAM_GROUP, WRITER_GROUP, app_group


class ProjectStreams:
    """Opens each stream once. Raises what `open_stream` raises, at every call until it can be opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Stream] = {}

    def events(self) -> Stream:
        return self._stream(self._settings.events_url, self._settings.events_partitions)

    def writer(self) -> Stream:
        return self._stream(self._settings.writer_url, self._settings.writer_partitions)

    def app(self, application_name: str) -> Stream:
        return self._stream(self._settings.app_url(application_name), self._settings.app_partitions)

    def forget(self, stream: Stream) -> None:
        """Close a stream that failed: it may have been made anew, and the next use opens it again."""
        self._open.pop(stream.url, None)
        stream.close()

    def groups(self, application_names: Iterable[str]) -> dict[str, Stream]:
        """Group to the stream that it reads, of the whole chain with these apps."""
        return {
            STREAM_GROUP: self.events(),
            WRITER_GROUP: self.writer(),
            **{app_group(name): self.app(name) for name in application_names},
        }

    def nothing_underway(self, application_name: str) -> bool:
        """Whether the app has read all its windows and the writer all reports; False when unknown."""
        try:
            app, writer = self.app(application_name), self.writer()
            return self._is_read(app, app_group(application_name)) and self._is_read(writer, WRITER_GROUP)
        except (ConfigError, UnavailableError):
            return False

    def _is_read(self, stream: Stream, group: str) -> bool:
        try:
            return not any(stream.lag(group).values())
        except (ConfigError, UnavailableError):
            self.forget(stream)
            raise

    def close(self) -> None:
        """Close every stream."""
        while self._open:
            self._open.popitem()[1].close()

    def _stream(self, url: str, partitions: int) -> Stream:
        if url not in self._open:
            self._open[url] = open_stream(url, partitions, self._settings)
        return self._open[url]
