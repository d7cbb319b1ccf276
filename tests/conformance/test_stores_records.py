"""What the records keep on every database: transactions, endpoints, the registry, dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.store_backends import RECORDS
from modelmon.errors import ConfigError
from modelmon.ledger import batches, dead_letters, endpoints, latencies, registry
from modelmon.ledger.dead_letters import ALL, Chosen
from modelmon.ledger.latencies import LatencyBucket
from modelmon.model import BatchRange, DeadLetter, Endpoint, from_us
from modelmon.sql.database import Database

ENDPOINT = Endpoint(
    "e" * 32, "flights", "delay:v1", function_name="serving", version="v1", labels={"team": "ä"},
    feature_names=("hour", "温度"), label_names=("late",),
    feature_stats={"hour": {"hist": [[1, 2], [0.0, 1.5]]}}, policy={"base_period": 60},
)  # fmt: skip


@pytest.fixture(params=RECORDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()
    database.close()


def test_a_transaction_that_fails_leaves_nothing(records: Database) -> None:
    with pytest.raises(ConfigError), records.write() as connection:
        registry.set_value(connection, "a", 1) or registry.set_value(connection, "b", object())
    with records.read() as connection:
        assert registry.get_value(connection, "a") is None


def test_a_reader_sees_one_state_whatever_commits_meanwhile(records: Database) -> None:
    with records.write() as connection:
        registry.set_value(connection, "a", 1)
    with records.read() as reader:
        assert registry.get_value(reader, "a") == 1
        with records.write() as writer:
            registry.set_value(writer, "a", 2)
            registry.set_value(writer, "b", 2)
        assert registry.get_value(reader, "a") == 1
        assert registry.get_value(reader, "b") is None
    with records.read() as reader:
        assert registry.get_value(reader, "a") == 2


def test_an_endpoint_is_read_as_it_was_put(records: Database) -> None:
    with records.write() as connection:
        endpoints.put(connection, ENDPOINT, 5)
        assert endpoints.get(connection, "e" * 32) == replace(
            ENDPOINT, created=from_us(5), updated=from_us(5)
        )
        assert endpoints.get(connection, "nobody") is None


def test_replacing_an_endpoint_keeps_when_it_was_created(records: Database) -> None:
    with records.write() as connection:
        endpoints.put(connection, ENDPOINT, 5)
        endpoints.put(connection, replace(ENDPOINT, mode="batch"), 9)
        found = endpoints.get(connection, ENDPOINT.endpoint_id)
    assert found == replace(ENDPOINT, mode="batch", created=from_us(5), updated=from_us(9))


def test_a_discovered_endpoint_never_overwrites_a_registered_one(records: Database) -> None:
    other = replace(ENDPOINT, endpoint_id="new", discovered=True)
    with records.write() as connection:
        endpoints.put(connection, ENDPOINT, 5)
        endpoints.register_discovered(connection, [replace(ENDPOINT, discovered=True, labels={}), other], 7)
        found = endpoints.get_many(connection, [ENDPOINT.endpoint_id, "new", "nobody"])
    assert {key: (value.discovered, value.labels) for key, value in found.items()} == {
        ENDPOINT.endpoint_id: (False, {"team": "ä"}), "new": (True, {"team": "ä"}),
    }  # fmt: skip


def test_endpoints_are_found_by_name_and_function(records: Database) -> None:
    second = replace(ENDPOINT, endpoint_id="f", function_name="other")
    third = replace(ENDPOINT, endpoint_id="g", name="a")
    with records.write() as connection:
        for endpoint in (ENDPOINT, second, third):
            endpoints.put(connection, endpoint, 1)
        found = {
            "all": endpoints.find(connection),
            "name": endpoints.find(connection, name="delay:v1"),
            "both": endpoints.find(connection, name="delay:v1", function_name="serving"),
            "none": endpoints.find(connection, name="x"),
        }
    assert {key: [endpoint.endpoint_id for endpoint in value] for key, value in found.items()} == {
        "all": ["g", "e" * 32, "f"], "name": ["e" * 32, "f"], "both": ["e" * 32], "none": [],
    }  # fmt: skip


def test_a_deleted_endpoint_is_gone(records: Database) -> None:
    with records.write() as connection:
        endpoints.put(connection, ENDPOINT, 5)
        assert endpoints.delete(connection, ENDPOINT.endpoint_id)
        assert not endpoints.delete(connection, ENDPOINT.endpoint_id)
        assert endpoints.find(connection) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"policy": {"a": object()}}, "policy"),
        ({"feature_names": ("a", "a")}, "two features"),
        ({"label_names": ("y", "y")}, "two predictions are called 'y'"),
        ({"feature_names": ("x" * 300,)}, "240"),
    ],
)
def test_an_endpoint_that_can_not_be_kept_is_refused(records: Database, change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words), records.write() as connection:
        endpoints.put(connection, replace(ENDPOINT, **change), 1)


def test_an_app_registered_again_keeps_its_time_until_it_was_unregistered(records: Database) -> None:
    with records.write() as connection:
        registry.register_app(connection, "b", None, 1)
        registry.register_app(connection, "a", 10, 2)
        registry.register_app(connection, "a", 20, 3)
        assert registry.active_apps(connection) == [
            registry.RegisteredApp("a", 20, 2), registry.RegisteredApp("b", None, 1),
        ]  # fmt: skip
        assert registry.unregister_app(connection, "a")
        assert not registry.unregister_app(connection, "a")
        assert [app.name for app in registry.active_apps(connection)] == ["b"]
        registry.register_app(connection, "a", None, 9)
        assert registry.active_apps(connection)[0] == registry.RegisteredApp("a", None, 9)


@pytest.mark.parametrize(
    ("name", "base_period"), [("a b", 10), ("", 10), ("a", 0), ("a", -1), ("a", 1.5), ("a", True)]
)
def test_an_app_that_can_not_be_is_refused(records: Database, name: str, base_period: int) -> None:
    with pytest.raises(ConfigError, match="app"), records.write() as connection:
        registry.register_app(connection, name, base_period, 1)


def test_functions_are_put_listed_and_removed(records: Database) -> None:
    with records.write() as connection:
        registry.put_function(connection, "b", "app", {"x": [1]}, deployed=False, now_us=1)
        registry.put_function(connection, "b", "app", {"x": [2]}, deployed=True, now_us=2)
        registry.put_function(connection, "a", "infra", {}, deployed=True, now_us=3)
        assert registry.get_function(connection, "b") == registry.RegisteredFunction(
            "b", "app", {"x": [2]}, True, 2
        )
        assert [function.name for function in registry.list_functions(connection)] == ["a", "b"]
        assert [function.name for function in registry.list_functions(connection, "app")] == ["b"]
        assert registry.remove_function(connection, "b")
        assert not registry.remove_function(connection, "b")
        assert registry.get_function(connection, "b") is None
        with pytest.raises(ConfigError, match="infra, app, serving"):
            registry.put_function(connection, "c", "lambda", {}, deployed=True, now_us=3)


def test_the_project_remembers_json_values(records: Database) -> None:
    with records.write() as connection:
        registry.set_value(connection, "a", {"b": [1, None]})
        registry.set_value(connection, "a", {"b": [2, None]})
        assert registry.get_value(connection, "a") == {"b": [2, None]}
        assert registry.get_value(connection, "x", 7) == 7
        with pytest.raises(ConfigError, match="project value a"):
            registry.set_value(connection, "a", object())


LETTER = DeadLetter("s", 0, 1, -1, "events", "e", "when", "no", bytes(range(256)), from_us(1))


def test_dead_letters_are_found_newest_first_and_marked_when_sent_again(records: Database) -> None:
    others = (
        replace(LETTER, offset=2, stream="writer", created=from_us(2)),
        replace(LETTER, offset=3, endpoint_id="f", created=from_us(3)),
    )
    with records.write() as connection:
        dead_letters.keep(connection, [LETTER, *others])
        assert [letter.offset for letter in dead_letters.find(connection)] == [3, 2, 1]
        assert [letter.offset for letter in dead_letters.find(connection, ALL, 1)] == [3]
        assert [letter.offset for letter in dead_letters.find(connection, Chosen(stream="events"))] == [3, 1]
        assert [letter.offset for letter in dead_letters.find(connection, Chosen(endpoint_id="f"))] == [3]
        letter = dead_letters.get(connection, "s", 0, 1, -1)
        assert letter == LETTER
        assert dead_letters.mark_resent(connection, letter, 50)
        assert dead_letters.get(connection, "s", 0, 1, -1) == replace(letter, resent=from_us(50))
        assert [found.offset for found in dead_letters.find(connection, Chosen(resent=False))] == [3, 2]
        assert [found.offset for found in dead_letters.find(connection, Chosen(resent=True))] == [1]
        assert dead_letters.get(connection, "s", 0, 9, -1) is None
        assert not dead_letters.mark_resent(connection, replace(letter, offset=9), 50)


def test_latencies_are_summed_over_partitions_and_a_batch_counts_once(records: Database) -> None:
    longest = 2.0**63  # more than a whole number of a database holds
    found = [{1: LatencyBucket(2, 3), 43: LatencyBucket(1, longest)}, {1: LatencyBucket(1, 1)}, {}]
    for partition, buckets in enumerate(found):
        with records.write() as connection:
            position = batches.take_over(connection, "stream", partition, "events")
        for offset in (0, 0, 1):  # the first is committed again
            batch = BatchRange("stream", partition, offset, offset)
            with records.write() as connection:
                if offset > batches.read_position(connection, "stream", partition).applied:
                    batches.open_batch(connection, position, batches.OpenBatch(offset, offset, 1, 5))
                derived = batches.Derived(latencies=buckets)
                assert batches.commit_batch(connection, position, batch, derived, 5)
    with records.read() as connection:
        assert latencies.total(connection) == {1: LatencyBucket(6, 8), 43: LatencyBucket(2, 2 * longest)}


def test_names_are_keys_to_the_letter(records: Database) -> None:
    names = ("", " ", "Drift", "a", "a ", "a\u0301", "drift", "grosse", "größe", "á", "温度", "\U0001f600")
    with records.write() as connection:
        for name in names:
            registry.set_value(connection, name, name)
        assert [registry.get_value(connection, name) for name in names] == list(names)


def test_a_long_text_and_a_large_message_are_kept(records: Database) -> None:
    text, body = "ä温" * 100_000, bytes(range(256)) * 1_000
    with records.write() as connection:
        registry.set_value(connection, "a", text)
        assert registry.get_value(connection, "a") == text
        dead_letters.keep(connection, [replace(LETTER, body=body, reason=text)])
        letter = dead_letters.get(connection, "s", 0, 1, -1)
    assert letter is not None
    assert (letter.body, letter.reason) == (body, text)


def test_a_text_with_a_nul_is_kept_where_there_can_be_one_and_readable_where_not(records: Database) -> None:
    with records.write() as connection:
        dead_letters.keep(connection, [replace(LETTER, reason="a\0b")])
        letter = dead_letters.get(connection, "s", 0, 1, -1)
    assert letter is not None
    assert letter.reason == ("a␀b" if records.url.startswith("postgresql") else "a\0b")
