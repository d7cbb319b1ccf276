"""A partition is taken over: the ledger says what is applied, the stream what was passed over since.

The group may have read further than the ledger says: the records were restored from a backup. Then what the
stream still has is read again, and what it has not is named as lost. The same shows what a log that keeps
too little has deleted before it was read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from modelmon.errors import ConfigError, RejectedError
from modelmon.ledger.batches import Position, take_over
from modelmon.ledger.dead_letters import Limits, keep, letter_of
from modelmon.model import Message
from modelmon.settings import Settings
from modelmon.stages.stream.exactly_once import Parts
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import events_of

logger = logging.getLogger(__name__)


def take_over_partition(settings: Settings, parts: Parts, message: Message) -> Position:
    """Become the owner of the partition whose first message was delivered.

    Raises ConfigError when the stream can't be the one that the trigger reads, or was cut short.
    """
    partition = message.partition
    with closing(_stream(settings)) as stream:
        end = stream.end_offsets().get(partition, 0)
        _check_delivered(settings, message, end)
        with parts.records.write() as connection:
            position = take_over(connection, stream.stream_id, partition, settings.events_stream)
        _check_end(settings, position, end)
        if message.offset > position.applied + 1:
            _note_lost(settings, parts, stream, position, message)
    return position


def passed_over(settings: Settings, partition: int, start: int, end: int) -> Sequence[Message]:
    """The first messages of the partition in [start, end); empty when none is left."""
    with closing(_stream(settings)) as stream:
        found = stream.read(partition, start, end, settings.batch_max_events)
    if found:
        logger.warning(
            "the records end before offset %d of partition %d, but its group has read to %d, as after a "
            "restored backup: offsets %d to %d are read again",
            start, partition, end, found[0].offset, found[-1].offset,
        )  # fmt: skip
    return found


def _stream(settings: Settings) -> Stream:
    # The message came from it: one that is gone is not brought back.
    return open_stream(settings.events_url, settings.events_partitions, settings, create=False)


def _check_delivered(settings: Settings, message: Message, end: int) -> None:
    if message.offset >= end:
        raise ConfigError(
            f"events_stream: partition {message.partition} of {settings.events_url} ends before offset "
            f"{end}, but the trigger delivered offset {message.offset}: both must name the same stream"
        )


def _check_end(settings: Settings, position: Position, end: int) -> None:
    known = max(position.applied, position.open.last if position.open else -1)
    if end <= known:
        raise ConfigError(
            f"partition {position.partition} of {settings.events_url} ends before offset {end}, but offset "
            f"{known} of the same stream was read already: its log was cut short. Restore it, or make the "
            "stream anew"
        )


def _note_lost(
    settings: Settings, parts: Parts, stream: Stream, position: Position, message: Message
) -> None:
    first, partition = position.applied + 1, position.partition
    begin = min(stream.begin_offsets().get(partition, 0), message.offset)
    is_new = position.applied < 0 and not stream.committed(events_of(settings).group).get(partition)
    if begin <= first or is_new:  # a group that is new here has lost nothing
        return
    reason = (
        f"offsets {first} to {begin - 1} of partition {partition} are lost: the records end before them and "
        f"the stream begins after them, as when a backup is older than what the stream keeps"
    )
    logger.error("%s", reason)
    place = Message(partition, first, "", b"")
    letter = letter_of(
        place, RejectedError(reason), settings.events_stream, position.stream_id, parts.clock()
    )
    with parts.records.write() as connection:
        keep(connection, [replace(letter, not_kept=begin - first)], Limits.of(settings))
