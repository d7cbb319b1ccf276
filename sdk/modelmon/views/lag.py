"""How far each consumer group is behind on the stream it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams.subscriptions import Subscription
from modelmon.upkeep.stream_retention import retention_of


class Lagging(Protocol):
    """A stream, as far as its lag is asked for."""

    url: str

    def lag(self, group: str) -> Mapping[int, int]:
        """Messages per partition that the group has not committed."""

    def groups(self) -> Collection[str]:
        """Every group that has committed something here, whoever it belongs to."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Messages of one partition that a group has not committed."""

    stream: str
    group: str
    partition: int
    lag: int


@dataclass(frozen=True, slots=True)
class UnknownLag:
    """A stream that could not be asked, and why."""

    stream: str
    reason: str


def read_lag(
    streams: Mapping[str, Lagging], settings: Settings
) -> tuple[tuple[PartitionLag, ...], tuple[UnknownLag, ...]]:
    """The lag of every group on its stream, by partition; and the streams that do not answer.

    Of a stream from which we delete, foreign groups too: what one of them has not read is kept.
    """
    lags: list[PartitionLag] = []
    unknown: dict[str, UnknownLag] = {}
    for group, stream in streams.items():
        name = stream.url.rpartition("/")[2]
        try:
            foreign = {*stream.groups()} - {*streams} if _is_pruned(stream, group, settings) else ()
            found = [
                PartitionLag(name, each, partition, lag)
                for each in (group, *sorted(foreign))
                for partition, lag in sorted(stream.lag(each).items())
            ]
        except (ConfigError, UnavailableError) as error:
            unknown[name] = UnknownLag(name, str(error))
        else:
            lags += found
    return tuple(dict.fromkeys(lags)), tuple(unknown.values())  # two of ours may read one stream


def _is_pruned(stream: Lagging, group: str, settings: Settings) -> bool:
    is_ours = stream.url.startswith(f"{settings.location('stream_path')}/")
    return bool(retention_of(settings, Subscription(stream.url, 1, group, named_by_url=not is_ours)))
