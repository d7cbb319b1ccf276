"""The embedded stream: its files, and what each thing that can befall them comes to."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream, sqlite_partition
from modelmon.streams.sqlite_partition import MAX_BODY_BYTES, file_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "streams" / "events"


@pytest.fixture
def stream(folder: Path) -> Iterator[Stream]:
    stream = open_stream(f"sqlite:///{folder}", 2)
    yield stream
    stream.close()


def bodies(stream: Stream) -> list[bytes]:
    consumer = stream.consumer("reader")
    messages = consumer.poll(1000, 0)
    consumer.close()
    return [message.body for message in messages]


def test_a_folder_holds_a_file_per_partition_and_nothing_is_left_of_making_it(folder, stream):
    assert sorted(path.name for path in folder.glob("*.db")) == [file_name(0), file_name(1)]
    assert [path.name for path in folder.parent.iterdir()] == ["events"]


def test_a_path_after_three_slashes_is_relative_and_after_four_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = open_stream("sqlite:///here/events")
    absolute = open_stream(f"sqlite:///{tmp_path}/here/events")
    assert relative.stream_id == absolute.stream_id
    relative.close()
    absolute.close()


@pytest.mark.parametrize("name", ["50% off", "a?b#c", "größe", "it's"])
def test_a_path_is_taken_as_it_stands(tmp_path, name):
    stream = open_stream(f"sqlite:///{tmp_path}/{name}")
    stream.publish([("k", b"1")])
    assert (tmp_path / name / file_name(0)).is_file()
    assert bodies(stream) == [b"1"]
    stream.close()


@pytest.mark.parametrize("url", ["sqlite://events", "sqlite:///", "sqlite:////"])
def test_a_url_without_a_path_is_refused(url):
    with pytest.raises(ConfigError, match="write sqlite:///folder/name"):
        open_stream(url)


@pytest.mark.parametrize("durability", ["power", "process"])
def test_durability_decides_what_sqlite_syncs(folder, durability):
    stream = open_stream(f"sqlite:///{folder}", settings=Settings(durability=durability))
    connection = stream._logs[0]._connection  # type: ignore[attr-defined]
    assert connection.execute("PRAGMA synchronous").fetchone() == ({"power": 2, "process": 1}[durability],)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    stream.close()


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("dear diary")
    with pytest.raises(ConfigError, match="holds something else"):
        open_stream(f"sqlite:///{folder}")
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    with pytest.raises(ConfigError, match="a file in its place"):
        open_stream(f"sqlite:///{folder}")


def test_an_empty_folder_becomes_the_stream(folder):
    folder.mkdir(parents=True)
    open_stream(f"sqlite:///{folder}").close()
    assert (folder / file_name(0)).is_file()


def test_a_missing_partition_file_is_named(folder, stream):
    stream.close()
    (folder / file_name(1)).unlink()
    with pytest.raises(ConfigError, match=f"{file_name(1)} was deleted"):
        open_stream(f"sqlite:///{folder}")


def test_a_file_of_another_stream_is_named(folder, stream):
    stream.close()
    other = open_stream(f"sqlite:///{folder.parent}/other", 2)
    other.close()
    shutil.copy(folder.parent / "other" / file_name(1), folder / file_name(1))
    with pytest.raises(ConfigError, match=f"{file_name(1)} belongs to another stream"):
        open_stream(f"sqlite:///{folder}")


def test_a_file_in_the_place_of_another_partition_is_named(folder, stream):
    stream.close()
    shutil.copy(folder / file_name(0), folder / file_name(1))
    with pytest.raises(ConfigError, match=f"{file_name(1)} is not partition 1"):
        open_stream(f"sqlite:///{folder}")


@pytest.mark.parametrize("content", [b"", b"not a database, but a text of some length" * 100])
def test_a_corrupt_file_is_named(folder, stream, content):
    stream.close()
    (folder / file_name(1)).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{file_name(1)} is corrupt or no stream"):
        open_stream(f"sqlite:///{folder}")


def test_pages_that_went_bad_are_an_error_that_names_the_file_not_a_skipped_message(folder, stream):
    stream.publish([("k", b"x" * 2000) for _ in range(200)], partition=0)
    stream.close()
    with (folder / file_name(0)).open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 30 * 4096)
    stream = open_stream(f"sqlite:///{folder}")
    with pytest.raises(ConfigError, match=f"{file_name(0)} is corrupt"):
        bodies(stream)
    stream.close()


def test_a_body_beyond_the_limit_is_refused_before_anything_is_written(stream):
    body = bytes(MAX_BODY_BYTES + 1)  # zeros that were never touched take no memory
    with pytest.raises(RejectedError, match="at most"):
        stream.publish([("k", b"1"), ("k", body)])
    assert sum(stream.end_offsets().values()) == 0


def test_a_file_that_others_keep_locked_is_unavailable_and_nothing_is_written(folder, monkeypatch):
    monkeypatch.setattr(sqlite_partition, "BUSY_SECONDS", 0.05)
    stream = open_stream(f"sqlite:///{folder}")
    stream.publish([("k", b"1")])
    other = sqlite3.connect(folder / file_name(0), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        stream.publish([("k", b"2")])
    other.execute("ROLLBACK")
    other.close()
    stream.publish([("k", b"3")])
    assert bodies(stream) == [b"1", b"3"]
    stream.close()


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """To a writer that is what a full disk is to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_unavailable_and_loses_nothing(stream):
    stream.publish([("k", b"kept")])
    with no_file_may_grow_beyond(200_000):
        for _ in range(2):
            with pytest.raises(UnavailableError, match="can't be used now"):
                stream.publish([("k", b"x" * 100_000)] * 5)
    assert bodies(stream) == [b"kept"]
    stream.publish([("k", b"after")])
    assert bodies(stream) == [b"kept", b"after"]


def test_a_read_only_file_is_unavailable(stream, folder):
    stream.publish([("k", b"1")])
    for log in stream._logs:  # type: ignore[attr-defined]
        log._connection.execute("PRAGMA query_only=1")
    with pytest.raises(UnavailableError, match="readonly"):
        stream.publish([("k", b"2")])
    assert bodies(stream) == [b"1"]


def test_a_consumer_of_a_deleted_stream_does_not_bring_its_folder_back(folder, stream):
    shutil.rmtree(folder)
    with pytest.raises(ConfigError):
        stream.consumer("g")
    assert not folder.exists()


def test_a_member_does_not_join_the_stream_that_took_the_place_of_its_own(folder, stream):
    shutil.rmtree(folder)
    anew = open_stream(f"sqlite:///{folder}", 2)
    with pytest.raises(ConfigError, match="made anew"):
        stream.consumer("g")
    anew.close()


def test_a_group_that_committed_beyond_the_end_stops(folder, stream):
    stream.publish([("k", b"1")], partition=0)
    with sqlite3.connect(folder / file_name(0)) as connection:
        connection.execute("INSERT INTO committed VALUES ('g', 7)")
    connection.close()
    with pytest.raises(ConfigError, match="committed offset 7, but the stream ends at 1"):
        stream.consumer("g").poll(1, 0)


def test_prune_gives_the_space_back_for_what_comes_next(folder, stream):
    for _ in range(6):
        stream.publish([("k", b"x" * 1000)] * 3000, partition=0)
        stream.prune({0: stream.end_offsets()[0]})
    assert (folder / file_name(0)).stat().st_size < 2 * 3000 * 1200
