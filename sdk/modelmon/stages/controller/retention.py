"""The retention of the project's streams, one after another: what fails with one leaves the others alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.controller.streams import ProjectStreams
from modelmon.streams.subscriptions import Subscription
from modelmon.upkeep.stream_retention import Retention, prune_stream, retention_of

logger = logging.getLogger(__name__)

EVERY_US = 60_000_000
"""A stream that fills its disk quickly is looked at often enough; a tick in between costs nothing."""


class StreamRetention:
    """Looks at the streams once a minute, for at most about `maintenance_seconds`."""

    def __init__(self, settings: Settings, database: Database, streams: ProjectStreams) -> None:
        self._settings = settings
        self._database = database
        self._streams = streams
        self._looked_us: int | None = None

    def apply(self, application_names: Iterable[str], now_us: int) -> tuple[int, dict[str, str]]:
        """How many messages went, and which streams could not be looked at, with the reason."""
        if self._looked_us is not None and 0 <= now_us - self._looked_us < EVERY_US:
            return 0, {}
        self._looked_us = now_us
        deadline = time.monotonic() + self._settings.maintenance_seconds
        pruned, failed = 0, {}
        for url, readers in self._streams.readers(application_names).items():
            retention = retention_of(self._settings, readers[0])
            if not retention or time.monotonic() >= deadline:
                continue
            try:
                pruned += self._prune(readers, retention, now_us, deadline)
            except (ConfigError, UnavailableError) as error:
                name = url.rpartition("/")[2]
                logger.warning("the retention of stream %s waits: %s", name, error)
                failed[f"the retention of stream {name}"] = str(error)
        return pruned, failed

    def _prune(
        self, readers: Sequence[Subscription], retention: Retention, now_us: int, deadline: float
    ) -> int:
        try:
            stream = self._streams.open(readers[0])
        except ConfigError:
            return 0  # it is not there, so it keeps nothing; whoever reads it says so
        groups = [each.group for each in readers]
        try:
            return prune_stream(self._database, stream, groups, retention, now_us, deadline)
        except (ConfigError, UnavailableError):
            self._streams.forget(stream)
            raise
