"""How much time a sample file reaches over, and the folder it lies in: that of the first hour of its reach.

A batch writes files of an hour; compaction makes files of a day and of a month. All lie equally deep, because
DuckDB, Polars and Spark refuse folders whose keys differ, and pandas a key without a value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zlib import crc32

from modelmon.model import DAY_US, HOUR_US, from_us, to_us

Reach = Literal["hour", "day", "month"]

LONGEST_US: dict[Reach, int] = {"hour": HOUR_US, "day": DAY_US, "month": 31 * DAY_US}


def start_of(reach: Reach, time_us: int) -> int:
    """The start of the hour, day or month in UTC that a time lies in.

    >>> start_of("hour", HOUR_US + 1) // HOUR_US, start_of("month", 40 * DAY_US) // DAY_US
    (1, 31)
    """
    if reach != "month":
        return time_us - time_us % LONGEST_US[reach]
    return to_us(_moment(time_us).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def end_of(reach: Reach, start_us: int) -> int:
    """The end of the hour, day or month that starts then.

    >>> end_of("month", 31 * DAY_US) // DAY_US
    59
    """
    if reach != "month":
        return start_us + LONGEST_US[reach]
    return start_of("month", start_us + LONGEST_US["month"])


def sample_folder(endpoint_id: str, hour_us: int) -> str:
    """The folder of one endpoint and hour.

    >>> sample_folder("e", 0)
    'key=e/year=1970/month=01/day=01/hour=00'
    """
    return f"{endpoint_folder(endpoint_id)}/{_moment(hour_us):year=%Y/month=%m/day=%d/hour=%H}"


def endpoint_folder(endpoint_id: str) -> str:
    """The folder of all files of one endpoint.

    >>> endpoint_folder("e"), endpoint_folder("E")
    ('key=e', 'key=E~d4b45a92')
    """
    if endpoint_id != endpoint_id.lower():  # `A` and `a` are one folder on some disks
        return f"key={endpoint_id}~{crc32(endpoint_id.encode()):08x}"
    return f"key={endpoint_id}"


def _moment(time_us: int) -> datetime:
    return from_us(time_us).astimezone(UTC)
