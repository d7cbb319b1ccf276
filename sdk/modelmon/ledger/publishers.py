"""Which numbers of each publisher were applied: what comes again is known, and what is missing is counted.

A publisher numbers its events of each endpoint from 1. What is kept of it is the newest number and the gaps
before it, so a number that comes late still fills its gap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from modelmon.ledger.schema import publishers
from modelmon.sql.statements import chunks, insert_missing, upsert

MOST_MISSING = 10**12
"""More are not counted at once: a number that jumps further is no count, and sums must fit 64 bits."""
MOST_GAPS = 200
"""Of one publisher and endpoint. Numbers in older gaps stay missing, and count as applied when they come."""

Key = tuple[str, str]
"""(publisher, endpoint)"""


@dataclass(frozen=True, slots=True)
class Applied:
    """The numbers up to `last` but for `gaps`, spans with both ends included, the lowest first."""

    last: int = 0
    gaps: tuple[tuple[int, int], ...] = ()

    def __contains__(self, number: int) -> bool:
        if number > self.last:
            return False
        place = bisect_right(self.gaps, number, key=lambda gap: gap[0]) - 1
        return place < 0 or number > self.gaps[place][1]


NOTHING = Applied()


def each_once(numbers: Collection[int]) -> Collection[int]:
    """Each of these numbers once; a range stays what it is, without an object for each."""
    return numbers if isinstance(numbers, range) else set(numbers)


def lowest(numbers: Collection[int]) -> int:
    """The lowest of these numbers: of a range without a look at each."""
    return numbers[0] if isinstance(numbers, range) else min(numbers)


def has_any(applied: Applied, seen: Collection[int]) -> bool:
    """Whether some of these numbers are applied. Nearly always all of them are newer."""
    if not seen or lowest(seen) > applied.last:
        return False
    return any(number in applied for number in seen)


def applied_numbers(connection: Connection, keys: Collection[Key]) -> dict[Key, Applied]:
    """What is applied of these publishers and endpoints; those that are new are absent."""
    return _read(connection, keys, lock=False)


def lock_numbers(connection: Connection, keys: Collection[Key]) -> dict[Key, Applied]:
    """The same, and until this transaction ends nobody else notes numbers of them."""
    new = [
        {"publisher_id": publisher, "endpoint_id": endpoint_id, "last_number": 0, "gaps": None}
        for publisher, endpoint_id in keys
    ]
    insert_missing(connection, publishers, new)
    return _read(connection, keys, lock=True)


def note_numbers(
    connection: Connection,
    numbers: Mapping[Key, Collection[int]],
    before: Mapping[Key, Applied],
    now_us: int,
) -> dict[str, int]:
    """Remember these numbers as applied; per endpoint how many more are missing than before, less than none
    where gaps were filled. `before` is what `lock_numbers` found in this transaction."""
    missing: dict[str, int] = {}
    rows = []
    for (publisher, endpoint_id), seen in numbers.items():
        known = before.get((publisher, endpoint_id), NOTHING)
        after, more = advanced(known, seen)
        missing[endpoint_id] = min(missing.get(endpoint_id, 0) + more, MOST_MISSING)
        if after != known:
            gaps = msgspec.json.encode(after.gaps).decode() if after.gaps else None
            row = {"publisher_id": publisher, "endpoint_id": endpoint_id}
            rows.append({**row, "last_number": after.last, "gaps": gaps, "noted_us": now_us})
    upsert(connection, publishers, rows)
    return missing


def advanced(before: Applied, seen: Collection[int]) -> tuple[Applied, int]:
    """What is applied after these numbers, and how many more are missing.

    >>> advanced(Applied(2), [3, 6])
    (Applied(last=6, gaps=((4, 5),)), 2)
    >>> advanced(Applied(6, ((4, 5),)), [5, 6])
    (Applied(last=6, gaps=((4, 4),)), -1)
    """
    last, gaps, missing = before.last, list(before.gaps), 0
    once = each_once(seen)
    highest = last + len(once)
    # Nearly always the next ones.
    if once and lowest(once) == last + 1 and (once[-1] if isinstance(once, range) else max(once)) == highest:
        return Applied(highest, before.gaps[-MOST_GAPS:]), 0
    for number in sorted(once):
        if number > last:
            if number > last + 1:
                gaps.append((last + 1, number - 1))
                missing += number - 1 - last
            last = number
        elif number not in before:
            place = next(place for place, (first, end) in enumerate(gaps) if first <= number <= end)
            first, end = gaps[place]
            rest = (first, number - 1), (number + 1, end)
            gaps[place : place + 1] = [(low, high) for low, high in rest if low <= high]
            missing -= 1
    return Applied(last, tuple(gaps[-MOST_GAPS:])), missing


def _read(connection: Connection, keys: Collection[Key], *, lock: bool) -> dict[Key, Applied]:
    wanted = set(keys)
    found: dict[Key, Applied] = {}
    for some in chunks(sorted(wanted)):
        ids, endpoint_ids = {publisher for publisher, _ in some}, {endpoint_id for _, endpoint_id in some}
        query = select(publishers).where(
            publishers.c.publisher_id.in_(ids), publishers.c.endpoint_id.in_(endpoint_ids)
        )
        if lock:  # in one order, so that two who lock don't wait for each other; SQLite locks anyway
            query = query.order_by(*publishers.primary_key).with_for_update()
        for row in connection.execute(query):
            key = row.publisher_id, row.endpoint_id
            if key in wanted:
                gaps = msgspec.json.decode(row.gaps or "[]", type=tuple[tuple[int, int], ...])
                found[key] = Applied(row.last_number, gaps)
    return found
