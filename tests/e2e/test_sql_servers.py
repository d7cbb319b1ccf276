"""PostgreSQL and MariaDB as the records' database: refusals, faults, locks, and many who write at once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

import ledger_rows
from made_project import HOUR, Shape, make
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import batches, latencies, registry
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.records import open_records, records_at
from modelmon.model import BatchRange
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.locks import CONTROLLER
from modelmon.stages.controller import Controller
from modelmon.views.endpoint_facts import newest_windows
from services.mariadb import NEEDS_MARIADB, MariaDB, shared_mariadb
from services.postgres import NEEDS_POSTGRES, PASSWORD, USER, Postgres, shared_postgres
from unit.window_support import Chain, at

Server = Postgres | MariaDB
MINUTE_US = 60_000_000
SHARED = [
    pytest.param(shared_postgres, id="postgresql", marks=NEEDS_POSTGRES),
    pytest.param(shared_mariadb, id="mariadb", marks=NEEDS_MARIADB),
]
OWN = [
    pytest.param(Postgres, id="postgresql", marks=NEEDS_POSTGRES),
    pytest.param(MariaDB, id="mariadb", marks=NEEDS_MARIADB),
]
OPEN = "import sys; from modelmon.ledger.records import records_at; records_at(sys.argv[1]).close()"
HOLDER = """
import sys, time
from modelmon.ledger.records import records_at
from modelmon.sql.locks import CONTROLLER
with records_at(sys.argv[1]).lock(CONTROLLER) as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=SHARED)
def server(request: pytest.FixtureRequest) -> Server:
    """A server that other tests use, too."""
    return request.param()


@pytest.fixture(params=OWN)
def mortal(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the test's own."""
    server = request.param()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: Server) -> str:
    return server.database()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def records(opened: ExitStack, url: str, timeout_seconds: float = 120.0) -> Database:
    database = records_at(url, timeout_seconds=timeout_seconds)
    opened.callback(database.close)
    return database


# --- plans


@pytest.mark.parametrize("server", SHARED[:1], indirect=True)
def test_the_newest_windows_are_found_by_their_index_not_among_all(
    server: Postgres, tmp_path: Path, opened: ExitStack
) -> None:
    url = server.database()
    make(tmp_path / "made", Shape(2 * 24 * HOUR, 100, 2, 2, with_features=0), records_url=url)
    server.sql("VACUUM ANALYZE", url.rpartition("/")[2])
    with records(opened, url).read() as connection:
        query = str(newest_windows().compile(connection, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {query}")))
    assert "windows_pkey" in plan, plan


# --- refusals


@pytest.mark.parametrize(
    ("right", "wrong"), [(PASSWORD, "sesame-8"), (f"{USER}:", "nobody:"), (f":{PASSWORD}@", "@")]
)
def test_a_user_or_password_that_is_wrong_is_a_setting_to_mend(url: str, right: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"records_url: database .* refuses us") as caught:
        records_at(url.replace(right, wrong))
    assert "sesame" not in str(caught.value)


def test_a_database_that_is_not_there_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(ConfigError, match=r"records_url: .*the database's name"):
        records_at(f"{url}x")


@pytest.mark.parametrize("shared", SHARED[:1])
def test_a_user_who_may_not_make_tables_is_told_so(shared: Callable[[], Postgres]) -> None:
    server = shared()
    name = f"t{uuid4().hex[:8]}"
    server.sql(f"CREATE DATABASE {name}")  # the owner's: PostgreSQL 15 lets nobody else make tables there
    address = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{server.port}/{name}"
    with pytest.raises(ConfigError, match="permission denied for schema public"):
        records_at(address)


def test_the_password_may_be_a_setting_of_its_own(url: str, tmp_path: Path, opened: ExitStack) -> None:
    (tmp_path / "modelmon.yaml").write_text(f"project: p\nrecords_url: {url.replace(f':{PASSWORD}', '')}\n")
    settings = Settings.load(tmp_path, {"MODELMON_SQL_PASSWORD": PASSWORD})
    database = open_records(settings)
    opened.callback(database.close)
    assert PASSWORD not in repr(settings) + database.url


# --- faults


def write_half(database: Database, server: Server) -> None:
    with database.write() as connection:
        registry.set_value(connection, "a", "half")
        server.kill()


def test_a_server_killed_in_mid_transaction_leaves_the_state_before_it(
    mortal: Server, opened: ExitStack
) -> None:
    database = records(opened, mortal.database())
    with database.write() as connection:
        registry.set_value(connection, "a", "whole")
    with pytest.raises(UnavailableError, match="does not answer"):
        write_half(database, mortal)
    with pytest.raises(UnavailableError, match="does not answer"), database.read():
        pass
    mortal.start()
    with database.write() as connection:
        assert registry.get_value(connection, "a") == "whole"
        registry.set_value(connection, "a", "after")


def test_a_frozen_server_is_unavailable_and_answers_when_it_thaws(mortal: Server, opened: ExitStack) -> None:
    url = mortal.database()
    database, hasty = records(opened, url), records(opened, url, timeout_seconds=2.0)
    with database.write() as connection:
        registry.set_value(connection, "a", 1)
    mortal.freeze()
    with pytest.raises(UnavailableError, match="does not answer"), hasty.read():
        pass
    with pytest.raises(UnavailableError, match="does not answer"):
        records_at(url, timeout_seconds=2.0)
    mortal.thaw()
    with database.read() as connection:
        assert registry.get_value(connection, "a") == 1


def test_a_row_that_another_one_holds_is_not_waited_for_without_end(url: str, opened: ExitStack) -> None:
    holder, waiting = records(opened, url), records(opened, url, timeout_seconds=1.0)
    with holder.write() as connection:
        registry.set_value(connection, "a", 1)
        with pytest.raises(UnavailableError, match="does not answer"), waiting.write() as other:
            registry.set_value(other, "a", 2)
    with waiting.write() as other:
        registry.set_value(other, "a", 2)


# --- locks


def test_the_lock_of_a_database_is_one_holders_and_no_transaction_stays_open(
    url: str, server: Server, opened: ExitStack
) -> None:
    first, second = records(opened, url), records(opened, url)
    elsewhere = records(opened, server.database())
    with (
        first.lock(CONTROLLER) as mine,
        second.lock(CONTROLLER) as other,
        elsewhere.lock(CONTROLLER) as third,
    ):
        assert (mine, other, third) == (True, False, True)
        if isinstance(server, Postgres):
            query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
            assert server.sql(f"{query} AND state <> 'idle'") == [(0,)]
    with second.lock(CONTROLLER) as other:
        assert other


def test_the_death_of_its_holder_frees_a_lock(url: str, opened: ExitStack) -> None:
    database = records(opened, url)
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with database.lock(CONTROLLER) as mine:
            assert not mine
        holder.kill()
        holder.wait()
    with database.lock(CONTROLLER, 30.0) as mine:
        assert mine


def test_processes_that_make_the_database_together_all_find_it_made(url: str, opened: ExitStack) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", OPEN, url]) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    with records(opened, url).read() as connection:  # no reader of ours counts the rows of the version
        assert connection.scalar(text("SELECT count(*) FROM schema_versions")) == 1


# --- many at once


WORKERS, BATCHES, ENDPOINTS = 4, 15, 12


def test_workers_and_controllers_at_once_count_every_row_and_never_lock_each_other_out(
    url: str, tmp_path: Path, opened: ExitStack
) -> None:
    chain = Chain(tmp_path, records_url=url)
    opened.callback(chain.database.close)
    opened.callback(chain.series.close)
    controllers = [chain.controller, Controller.open(chain.settings)]
    for controller in controllers:
        opened.callback(controller._close)
    refused: list[str] = []

    def work(partition: int) -> None:
        shuffled = random.Random(partition)
        database = records_at(url)
        with database.write() as connection:
            position = batches.take_over(connection, "stream", partition, "events")
        for number in range(BATCHES):
            until_done(database, position, number, shuffled)
        database.close()

    def until_done(
        database: Database, position: batches.Position, number: int, shuffled: random.Random
    ) -> None:
        derived = some_rows(position.partition, number, shuffled)
        while True:
            try:
                with database.write() as connection:
                    assert batches.open_batch(connection, position, batches.OpenBatch(number, number, 1, 1))
                with database.write() as connection:
                    batch = BatchRange("stream", position.partition, number, number)
                    assert batches.commit_batch(connection, position, batch, derived, at(11))
                return
            except UnavailableError as error:
                refused.append(str(error))

    def tick(controller: Controller) -> None:
        for second in range(10):
            try:
                controller._work(at(11, second))  # past the lock that lets one tick at a time
            except UnavailableError as error:
                refused.append(str(error))

    with ThreadPoolExecutor(WORKERS + len(controllers)) as threads:
        done = [threads.submit(work, partition) for partition in range(WORKERS)]
        done += [threads.submit(tick, controller) for controller in controllers]
        for each in done:
            each.result()
    controllers[0]._work(at(12))
    assert refused == []
    with chain.database.read() as connection:
        stored = {row.endpoint_id: row.stored for row in ledger_rows.all_traffic(connection)}
        assert ledger_rows.news(connection) == []
        timed = latencies.total(connection)
    many = WORKERS * sum(range(BATCHES))
    assert timed == {bits: LatencyBucket(many, 0.5 * WORKERS * BATCHES) for bits in range(20)}
    assert stored == {f"e{number}": WORKERS * BATCHES for number in range(ENDPOINTS)}


def some_rows(partition: int, number: int, shuffled: random.Random) -> batches.Derived:
    """A row of each endpoint, in an order of its own."""
    names = [f"e{place}" for place in range(ENDPOINTS)]
    shuffled.shuffle(names)
    minute_us = at(number % 10)
    return batches.Derived(
        counts=[
            batches.EndpointCounts(
                name, stored=1, first_request_us=minute_us, last_request_us=minute_us,
                last_error="failed" if shuffled.random() < 0.3 else None, last_error_us=minute_us,
            )
            for name in names
        ],
        numbers={("publisher", name): [partition * BATCHES + number + 1] for name in names},
        dirty={(name, minute_us): 1 for name in names},
        types={(name, "hour"): "int64" for name in names},
        latencies={bits: LatencyBucket(number, 0.5) for bits in shuffled.sample(range(20), 20)},
    )  # fmt: skip
