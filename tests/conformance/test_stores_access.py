"""Tokens, logins and what people did, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.store_backends import RECORDS
from modelmon.errors import ConfigError
from modelmon.ledger import access
from modelmon.ledger.access import Deed
from modelmon.model import DAY_US, MINUTE_US
from modelmon.sql.database import Database

NOW_US = 1_796_000_000_000_000


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def test_a_token_is_found_until_it_expires(records: Database) -> None:
    with records.write() as connection:
        token = access.create_token(connection, "ann", "operator", NOW_US, NOW_US + DAY_US)
        forever = access.create_token(connection, "grafana", "viewer", NOW_US, None)
    with records.read() as connection:
        found = access.find_token(connection, token, NOW_US + DAY_US - 1)
        assert (found.name, found.role) == ("ann", "operator")
        assert access.find_token(connection, token, NOW_US + DAY_US) is None
        assert access.find_token(connection, token.upper(), NOW_US) is None
        assert access.find_token(connection, forever, NOW_US + 10_000 * DAY_US).name == "grafana"


def test_a_token_has_letters_and_digits_alone(records: Database) -> None:
    """MLRun's client takes a long one with a '-' in it for a session of another platform."""
    with records.write() as connection:
        made = {access.create_token(connection, f"n{each}", "viewer", NOW_US, None) for each in range(20)}
    assert len(made) == 20
    assert all(each.startswith("mm_") and len(each) == 46 and each[3:].isalnum() for each in made)


def test_a_name_is_free_again_once_its_token_is_revoked(records: Database) -> None:
    with records.write() as connection:
        first = access.create_token(connection, "ann", "viewer", NOW_US, None)
        with pytest.raises(ConfigError, match="there is one called 'ann'"):
            access.create_token(connection, "ann", "admin", NOW_US, None)
        access.revoke_token(connection, "ann", NOW_US)
        second = access.create_token(connection, "ann", "admin", NOW_US + 1, None)
        assert access.find_token(connection, first, NOW_US + 2) is None
        assert access.find_token(connection, second, NOW_US + 2).role == "admin"
        assert access.token_called(connection, "ann", NOW_US + 2).role == "admin"
        with pytest.raises(ConfigError, match="there is no 'an'; did you mean ann"):
            access.revoke_token(connection, "an", NOW_US)


def test_the_key_is_made_once(records: Database) -> None:
    with records.write() as connection:
        first = access.signing_key(connection)
    with records.write() as connection:
        assert access.signing_key(connection) == first
    assert len(first) == 64


def test_failed_logins_are_counted_by_the_minute(records: Database) -> None:
    with records.write() as connection:
        for _ in range(access.MOST_FAILURES):
            assert not access.too_many_failures(connection, NOW_US)
            access.note_failure(connection, NOW_US)
        assert access.too_many_failures(connection, NOW_US)
        assert not access.too_many_failures(connection, NOW_US + MINUTE_US)


def test_deeds_are_listed_the_newest_first_page_by_page(records: Database) -> None:
    deeds = [Deed(NOW_US + place, "ann", "POST /x", "ü" * 300, "200") for place in range(5)]
    with records.write() as connection:
        for deed in deeds:
            access.note(connection, deed)
        newest, after = access.list_deeds(connection, 3)
        rest, end = access.list_deeds(connection, 3, after)
    assert [*newest, *rest] == deeds[::-1]
    assert end is None
