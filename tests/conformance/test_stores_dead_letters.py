"""How much of what was set aside is kept, and that its number is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from conformance.store_backends import RECORDS
from modelmon.errors import RejectedError
from modelmon.ledger.dead_letters import Chosen, Limits, count, find, keep, letter_of, remove_some
from modelmon.model import DeadLetter, Message

LIMITS = Limits(of_message=3, bytes_of_message=100, in_all=10, bytes_in_all=500)


@pytest.fixture(params=RECORDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    database = request.param(tmp_path)
    with database.write() as connection:
        yield connection
    database.close()


def parts(offset: int, number: int, body: bytes = b"x", partition: int = 0) -> list[DeadLetter]:
    message = Message(partition, offset, "", body)
    error = RejectedError("must be a list", "inputs")
    return [letter_of(message, error, "events", "s", offset, item=item) for item in range(number)]


def test_of_one_message_so_many_are_kept_and_one_says_how_many_more(connection: Connection) -> None:
    keep(connection, parts(1, 20_001), LIMITS)
    keep(connection, parts(2, 3), LIMITS)
    found = find(connection)
    assert [(each.offset, each.item, each.not_kept) for each in found] == [
        (2, 2, 0), (2, 1, 0), (2, 0, 0), (1, 3, 19_998), (1, 2, 0), (1, 1, 0), (1, 0, 0),
    ]  # fmt: skip
    assert "19,998 more of this message" in found[3].reason
    assert found[3].body == b""
    assert count(connection) == 20_004


def test_a_long_message_is_kept_to_a_length_and_says_so(connection: Connection) -> None:
    keep(connection, parts(1, 1, b"y" * 101), LIMITS)
    keep(connection, parts(2, 1, b"y" * 100), LIMITS)
    whole, cut = find(connection)
    assert (whole.not_kept, len(whole.body)) == (0, 100)
    assert (cut.not_kept, len(cut.body)) == (1, 100)
    assert "of 101 bytes the first 100 are kept" in cut.reason


def test_the_bytes_of_one_message_are_counted_over_its_parts(connection: Connection) -> None:
    keep(connection, parts(1, 3, b"y" * 40), LIMITS)
    assert [each.not_kept for each in find(connection)] == [1, 0, 0]
    assert count(connection) == 3


def test_in_all_so_many_are_kept_and_one_of_each_partition_says_how_many_more(connection: Connection) -> None:
    for offset in range(12):
        keep(connection, parts(offset, 1), LIMITS)
    keep(connection, parts(50, 200, partition=1), LIMITS)
    found = find(connection)
    assert len(found) == 12
    more = {each.partition: each for each in found if each.offset == -1}
    assert {partition: each.not_kept for partition, each in more.items()} == {0: 2, 1: 200}
    assert "10 dead letters or 500 bytes" in more[0].reason
    assert count(connection) == 212


def test_the_bytes_of_all_are_limited_too(connection: Connection) -> None:
    for offset in range(8):
        keep(connection, parts(offset, 1, b"z" * 100), LIMITS)
    assert sum(len(each.body) for each in find(connection)) == 500
    assert count(connection) == 8


def test_keeping_the_same_again_changes_nothing(connection: Connection) -> None:
    for _ in range(3):
        keep(connection, parts(1, 8) + parts(2, 1, b"y" * 200), LIMITS)
    assert [each.not_kept for each in find(connection)] == [1, 5, 0, 0, 0]


def test_there_is_room_again_after_some_were_deleted(connection: Connection) -> None:
    for offset in range(12):
        keep(connection, parts(offset, 1), LIMITS)
    assert remove_some(connection, Chosen(before_us=5)) == 5
    keep(connection, parts(20, 1), LIMITS)
    assert [each.offset for each in find(connection)] == [20, -1, 9, 8, 7, 6, 5]
    while remove_some(connection, Chosen()):
        pass
    assert count(connection) == 0
