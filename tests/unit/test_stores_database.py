"""SQLite as the database of the records: locks, migration, and what each failure is called."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import migrations, registry, schema
from modelmon.ledger.records import open_records, records_at
from modelmon.settings import Settings
from modelmon.sql import database as module
from modelmon.sql import sqlite
from modelmon.sql.database import Database
from modelmon.stores.series import open_series

INCREMENT = """
import sys
from modelmon.ledger import registry
from modelmon.ledger.records import records_at
from modelmon.sql.database import Database
database = records_at(sys.argv[1], durability="process")
for _ in range(300):
    with database.write() as connection:
        registry.set_value(connection, "count", registry.get_value(connection, "count", 0) + 1)
"""
KILLED = """
import os, signal, sys
from modelmon.ledger import registry
from modelmon.ledger.records import records_at
from modelmon.sql.database import Database
database = records_at(sys.argv[1])
with database.write() as connection:
    registry.set_value(connection, "a", "whole")
with database.write() as connection:
    registry.set_value(connection, "a", "half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
OPEN = "import sys; from modelmon.ledger.records import records_at; records_at(sys.argv[1])"


def _url(folder: Path) -> str:
    return f"sqlite:///{folder}/records.db"


def _start(script: str, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, url])


def _versions(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT version FROM schema_versions ORDER BY version")))


@pytest.mark.slow
def test_three_processes_that_read_and_write_lose_no_update(tmp_path: Path) -> None:
    processes = [_start(INCREMENT, _url(tmp_path)) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    with records_at(_url(tmp_path)).read() as connection:
        assert registry.get_value(connection, "count") == 900


@pytest.mark.slow
def test_processes_that_make_the_database_together_all_find_it_made(tmp_path: Path) -> None:
    processes = [_start(OPEN, _url(tmp_path)) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    assert _versions(records_at(_url(tmp_path))) == [migrations.SCHEMA.version]


@pytest.mark.slow
def test_a_writer_killed_in_mid_transaction_leaves_the_state_before_it(tmp_path: Path) -> None:
    assert _start(KILLED, _url(tmp_path)).wait(120) == -signal.SIGKILL
    database = records_at(_url(tmp_path))
    with database.write() as connection:  # its lock is gone too
        assert registry.get_value(connection, "a") == "whole"


def test_a_writer_waits_for_another_and_readers_for_nobody(tmp_path: Path) -> None:
    database = records_at(_url(tmp_path))
    order: list[str] = []

    def second() -> None:
        with database.write() as connection:
            order.append("second")
            registry.set_value(connection, "a", 2)

    thread = threading.Thread(target=second)
    with database.write() as connection:
        thread.start()
        registry.set_value(connection, "a", 1)
        with database.read() as reader:
            assert registry.get_value(reader, "a") is None
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_a_lock_that_is_never_given_back_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = records_at(_url(tmp_path))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    waiting = records_at(_url(tmp_path))
    with holder.write(), pytest.raises(UnavailableError, match="locked"), waiting.write():
        pass
    with waiting.write() as connection:
        registry.set_value(connection, "a", 1)


def test_a_migration_that_fails_half_way_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records_at(_url(tmp_path)).close()
    following = migrations.SCHEMA.version + 1

    def broken(connection) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        connection.execute(text("ALTER TABLE apps ADD COLUMN half INTEGER"))
        connection.execute(text("this is no SQL"))

    with monkeypatch.context() as newer:
        newer.setitem(migrations.MIGRATIONS, following, broken)
        with pytest.raises(exc.OperationalError, match="syntax"):
            records_at(_url(tmp_path))
    with records_at(_url(tmp_path)).read() as connection:
        names = connection.scalars(text("SELECT sql FROM sqlite_master")).all()
    assert not [sql for sql in names if sql and "half" in sql]


def test_a_migration_runs_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records_at(_url(tmp_path)).close()
    ran: list[int] = []
    expected = [migrations.SCHEMA.version + 1, migrations.SCHEMA.version + 2]
    for version in expected:
        monkeypatch.setitem(
            migrations.MIGRATIONS, version, lambda connection, version=version: ran.append(version)
        )
    records_at(_url(tmp_path)).close()
    records_at(_url(tmp_path)).close()
    assert ran == expected


def test_a_schema_newer_than_the_code_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = records_at(_url(tmp_path))
    with database.write() as connection:
        connection.execute(schema.schema_versions.insert().values(version=999, migrated_us=0))
    with pytest.raises(ConfigError, match=r"999.*newer"):
        records_at(_url(tmp_path))


def test_opening_a_database_that_is_up_to_date_takes_no_write_lock(tmp_path: Path) -> None:
    holder = records_at(_url(tmp_path))
    with holder.write():
        records_at(_url(tmp_path)).close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"records\.db is corrupt.*backup"):
        records_at(_url(tmp_path))
    assert path.read_bytes() == content


def test_a_damaged_page_is_told_from_a_database_that_is_down(tmp_path: Path) -> None:
    database = records_at(_url(tmp_path))
    with database.write() as connection:
        for number in range(500):
            registry.set_value(connection, f"name{number}", "x" * 200)
    with database.write() as connection:
        connection.execute(text("DELETE FROM schema_changes"))
    database.close()
    path = tmp_path / "records.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xee" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="corrupt"), records_at(_url(tmp_path)).read() as connection:
        connection.execute(text("SELECT * FROM project_values")).all()


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (sqlite3.SQLITE_FULL, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_READONLY, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_IOERR, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_IOERR_FSYNC, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_CANTOPEN, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, UnavailableError, "does not answer: injected"),
        (sqlite3.SQLITE_CORRUPT, ConfigError, "corrupt"),
        (sqlite3.SQLITE_NOTADB, ConfigError, "corrupt"),
        (sqlite3.SQLITE_READONLY_DBMOVED, ConfigError, "moved or deleted"),
        (sqlite3.SQLITE_ERROR, exc.OperationalError, "injected"),
    ],
)
def test_what_waiting_mends_is_unavailable_and_a_bug_stays_a_bug(
    tmp_path: Path, code: int, expected: type[Exception], words: str
) -> None:
    database = records_at(_url(tmp_path))
    injected = sqlite3.OperationalError("injected")
    injected.sqlite_errorcode = code
    with pytest.raises(expected, match=words), database.write():
        raise exc.OperationalError("UPDATE", {}, injected)


def test_a_full_disk_is_unavailable_and_changes_nothing(tmp_path: Path) -> None:
    database = records_at(_url(tmp_path))
    with database.read() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    with database.write() as connection:
        connection.execute(text(f"PRAGMA max_page_count={pages}"))  # of the one connection in the pool
    with pytest.raises(UnavailableError, match="full"), database.write() as connection:
        registry.set_value(connection, "a", "x" * 100_000)
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count=1000000"))
        assert registry.get_value(connection, "a") is None
        registry.set_value(connection, "a", "x" * 100_000)


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_database_that_was_deleted_under_us_is_never_written_to_silently(
    tmp_path: Path, made_anew: bool
) -> None:
    database = records_at(_url(tmp_path))
    for path in tmp_path.iterdir():
        path.rename(path.with_name(f"gone-{path.name}"))
    if made_anew:
        records_at(_url(tmp_path)).close()
    with pytest.raises(ConfigError, match="moved or deleted"), database.write():
        pass
    with pytest.raises(ConfigError, match="moved or deleted"), database.read():
        pass


def test_a_folder_that_can_not_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="file can't be made"):
        records_at(f"sqlite:///{tmp_path}/file/records.db")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "://",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=ro",
        "frobnicate://user:sesame@host/name",
        "postgresql+nodriver://user:sesame@host/name",
        "postgresql://user:sesame@host:port/name",
        "postgresql://user:sesame@host:1:2@3/name",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        records_at(url)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "sesame" not in str(chain)
        chain = chain.__cause__
    assert "sqlite:///" in str(caught.value)


def test_the_shown_url_holds_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version_of", lambda connection, schema: schema.version)
    real = module._engine(_url(tmp_path), "process", "", 1.0)
    real.url = module.make_url("postgresql://user:sesame@host/name?password=sesame")
    monkeypatch.setattr(module, "_engine", lambda *options: real)
    assert records_at("any").url == "postgresql://user:***@host/name"


def test_a_failed_statement_does_not_show_its_values(tmp_path: Path) -> None:
    database = records_at(_url(tmp_path))
    row = {"name": "credentials", "value": "sesame"}
    with pytest.raises(exc.IntegrityError) as caught, database.write() as connection:
        connection.execute(schema.project_values.insert(), [row, row])
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(("durability", "expected"), [("power", 2), ("process", 1)])
def test_durability_decides_what_a_commit_waits_for(tmp_path: Path, durability: str, expected: int) -> None:
    with records_at(_url(tmp_path), durability=durability).read() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == expected
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


def test_a_path_may_have_any_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a b#cé/records.db"
    with records_at(url).write() as connection:
        registry.set_value(connection, "a", 1)
    assert (tmp_path / "a b#cé" / "records.db").exists()


def test_records_and_series_lie_in_the_project_folder_unless_settings_say_else(tmp_path: Path) -> None:
    settings = Settings(project_dir=str(tmp_path))
    open_records(settings).close()
    open_series(settings).close()
    assert (tmp_path / ".modelmon" / "records.db").exists()
    open_series(Settings(project_dir=str(tmp_path), series_url=f"sqlite:///{tmp_path}/series.db")).close()
    assert (tmp_path / "series.db").exists()
