"""How far each consumer group is behind on the stream it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from modelmon.errors import ConfigError, UnavailableError


class Lagging(Protocol):
    """A stream, as far as its lag is asked for."""

    url: str

    def lag(self, group: str) -> Mapping[int, int]:
        """Messages per partition that the group has not committed."""


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


def read_lag(streams: Mapping[str, Lagging]) -> tuple[tuple[PartitionLag, ...], tuple[UnknownLag, ...]]:
    """The lag of every group on its stream, by partition; and the streams that do not answer."""
    lags: list[PartitionLag] = []
    unknown: dict[str, UnknownLag] = {}
    for group, stream in streams.items():
        name = stream.url.rpartition("/")[2]
        try:
            found = sorted(stream.lag(group).items())
        except (ConfigError, UnavailableError) as error:
            unknown[name] = UnknownLag(name, str(error))
        else:
            lags += [PartitionLag(name, group, partition, lag) for partition, lag in found]
    return tuple(lags), tuple(unknown.values())
