"""What takes how much room, what is deleted of it when, and who holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.engine import make_url

from modelmon.counting import count
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.access_settings import AccessSettings
from modelmon.ledger.actuals_schema import actual_files
from modelmon.ledger.schema import dead_letters, files, stream_marks
from modelmon.model import DAY_US, HOUR_US, from_us
from modelmon.settings import Settings
from modelmon.sources import STATE_FOLDER
from modelmon.sql.database import Database
from modelmon.streams import Stream
from modelmon.streams.subscriptions import Subscription
from modelmon.upkeep.stream_retention import Retention, retention_of, slowest

EMBEDDED = "sqlite:///"
NEVER = "nothing"


@dataclass(frozen=True, slots=True)
class Room:
    """What one part of a project takes. `bytes` None: its server knows; `count` of what it holds, None where
    that is not counted. `deleted` says what goes when and by which setting, `next` the first moment at which
    something does. `held_by` names who has to read what is to go; "": nobody."""

    part: str
    bytes: int | None
    count: int | None
    deleted: str
    next: datetime | None = None
    held_by: str = ""


def rooms(
    database: Database,
    streams: Sequence[tuple[Stream, Sequence[Subscription]]],
    settings: Settings,
    now_us: int,
) -> list[Room]:
    """The parts of a project. `streams` are those that are read, each with who reads it; of one that does not
    answer it is said why.

    Raises UnavailableError for a database that does not answer.
    """
    with database.read() as connection:
        found = [_stream_or_why_not(connection, stream, readers, settings) for stream, readers in streams]
        found += _unread_streams(settings, [stream.url for stream, _ in streams])
        found += [_files(connection, settings, "samples", files)]
        found += [_files(connection, settings, "actuals", actual_files), _dead_letters(connection, settings)]
    return [*found, *_databases(settings), *_folders(settings)]


def _stream_or_why_not(
    connection: Connection, stream: Stream, readers: Sequence[Subscription], settings: Settings
) -> Room:
    try:
        return _stream(connection, stream, readers, settings)
    except (ConfigError, UnavailableError) as error:
        return Room(f"stream {_name(stream.url)}", None, None, f"not known: {error}")


def _stream(
    connection: Connection, stream: Stream, readers: Sequence[Subscription], settings: Settings
) -> Room:
    begins, ends = stream.begin_offsets(), stream.end_offsets()
    retention = retention_of(settings, readers[0])
    return Room(
        f"stream {_name(stream.url)}",
        stream.size_bytes(),
        sum(ends[partition] - first for partition, first in begins.items()),
        _told(retention, readers[0]),
        _next_of_stream(connection, stream.stream_id, begins, retention),
        _holder(stream, readers, ends),
    )


def _told(retention: Retention, read: Subscription) -> str:
    if read.named_by_url:
        return f"{NEVER}: the settings name it by URL, so it may have other readers"
    if not retention:
        return f"{NEVER} by ModelMon"
    limits = [f"after {count(retention.hours, 'hour')}"] if retention.hours else []
    limits += [f"above {size(retention.max_bytes)}"] if retention.max_bytes else []
    return f"what every group has read, {', or '.join(limits)}"


def _next_of_stream(
    connection: Connection, stream_id: str, begins: Mapping[int, int], retention: Retention
) -> datetime | None:
    marks = connection.execute(select(stream_marks).where(stream_marks.c.stream_id == stream_id))
    noted = [mark.noted_us for mark in marks if mark.end_offset > begins.get(mark.partition, 0)]
    return _moment(min(noted, default=None), round(retention.hours * HOUR_US))


def _holder(stream: Stream, readers: Sequence[Subscription], ends: Mapping[int, int]) -> str:
    """The group that has most to read, and how much that is."""
    found = slowest(stream, [each.group for each in readers])
    unread = {partition: ends[partition] - each.offset for partition, each in found.items()}
    partition = max(unread, key=lambda each: unread[each])
    if unread[partition] <= 0:
        return ""
    return f"group {found[partition].group} has {count(sum(unread.values()), 'message')} to read"


def _unread_streams(settings: Settings, urls: Sequence[str]) -> Iterator[Room]:
    """Embedded streams of apps and functions that are no more."""
    place = settings.location("stream_path")
    folder = Path(place.removeprefix(EMBEDDED))
    if not place.startswith(EMBEDDED) or not folder.is_dir():
        return
    read = {Path(url.removeprefix(EMBEDDED)) for url in urls}
    for each in sorted(folder.iterdir()):
        if each.is_dir() and not each.name.startswith(".") and each not in read:
            yield Room(f"stream {each.name}", _size_of(each), None, f"{NEVER}: no function reads it; {each}")


def _files(connection: Connection, settings: Settings, part: str, files: Table) -> Room:
    taken, number, oldest_us = connection.execute(
        select(func.sum(files.c.size_bytes), func.count(), func.min(files.c.max_us))
    ).one()
    kept_us = round(settings.retention_days * DAY_US)
    return Room(part, int(taken or 0), number, _by_days(settings), _moment(oldest_us, kept_us))


def _by_days(settings: Settings) -> str:
    days = settings.retention_days
    return f"after {count(days, 'day')} (retention_days)" if days else f"{NEVER} (retention_days: 0)"


def _dead_letters(connection: Connection, settings: Settings) -> Room:
    taken, number, oldest_us = connection.execute(
        select(func.sum(func.length(dead_letters.c.body)), func.count(), func.min(dead_letters.c.created_us))
    ).one()
    days = settings.dead_letter_days
    told = f"after {count(days, 'day')} (dead_letter_days)" if days else f"{NEVER} (dead_letter_days: 0)"
    return Room("dead letters", int(taken or 0), number, told, _moment(oldest_us, round(days * DAY_US)))


def _databases(settings: Settings) -> Iterator[Room]:
    """Records and series; what dead letters take is in the records."""
    records, series = settings.location("records_url"), settings.location("series_url")
    same = " and series" if records == series else ""
    yield Room(f"records{same}", _size_of_database(records), None, f"windows {_by_days(settings)}")
    if not same:
        yield Room("series", _size_of_database(series), None, _by_days(settings))


def _size_of_database(url: str) -> int | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return sum(_size(Path(parsed.database + suffix)) for suffix in ("", "-wal"))


def _folders(settings: Settings) -> Iterator[Room]:
    artifacts = settings.location("artifacts_path")
    if "://" not in artifacts:
        told = f"those of windows {_by_days(settings)}"
        yield Room("artifacts", _size_of(Path(artifacts)), None, told)
    if settings.project_dir:
        state = Path(settings.project_dir, STATE_FOLDER)
        days = settings.of(AccessSettings).audit_days
        unused = f"unused ones after {count(days, 'day')} (audit_days)" if days else NEVER
        yield Room("archives of code", _size_of(state / "archives"), None, unused)
        told = f"each log begins anew at {size(settings.log_max_bytes)} (log_max_bytes)"
        yield Room("logs", _size_of(state / "logs"), None, told)


def _moment(since_us: int | None, kept_us: int) -> datetime | None:
    return from_us(since_us + kept_us) if since_us is not None and kept_us else None


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _size_of(folder: Path) -> int:
    """Bytes of the files in a folder; what goes meanwhile takes nothing."""
    return sum(_size(Path(place, name)) for place, _, names in os.walk(folder) for name in names)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def size(number: float) -> str:
    """
    >>> size(999), size(4 * 2**30)
    ('999 B', '4.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
