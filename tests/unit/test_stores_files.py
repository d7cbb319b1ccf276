"""Sample files on disks that fail: an error that says where, nothing half there, nothing left behind."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.stores import samples_files
from modelmon.stores.samples import ParquetSamples, open_samples
from modelmon.stores.samples_files import HIDDEN
from modelmon.stores.syncing import can_sync_together, sync_file_system

PATH = "key=e/hour=00/a.parquet"
TABLE = pa.table({"timestamp": pa.array(range(100), pa.timestamp("us", "UTC")), "x": [0.5] * 100})
OTHER = TABLE.slice(50)
WRITER = """
import sys, pyarrow as pa
from modelmon.stores.samples import ParquetSamples
store = ParquetSamples(sys.argv[1])
table = pa.table({"timestamp": pa.array(range(20_000), pa.timestamp("us", "UTC")), "x": list(range(20_000))})
print("ready", flush=True)
for number in range(10**9):
    store.write(f"key=e/hour=00/{number % 5}.parquet", table)
"""


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _fail(
    monkeypatch: pytest.MonkeyPatch, name: str, code: int, on: Callable[..., bool] = lambda *_: True
) -> None:
    real = getattr(os, name)

    def failing(*arguments, **options):
        if on(*arguments):
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    monkeypatch.setattr(samples_files.os, name, failing)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_disk_that_fails_leaves_what_was_there_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    store = ParquetSamples(str(tmp_path))
    store.write(PATH, TABLE)
    with monkeypatch.context() as failing:
        _fail(failing, step, code)
        with pytest.raises(UnavailableError, match=rf"{PATH} can't be written: {os.strerror(code)}"):
            store.write(PATH, OTHER)
    assert _files(tmp_path) == [PATH]
    assert store.read(PATH).num_rows == 100
    store.write(PATH, OTHER)
    assert store.read(PATH).num_rows == 50


def test_a_disk_that_fills_up_in_mid_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = os.write

    def filling(descriptor: int, body: memoryview) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real(descriptor, body[:100]))
        return written[0]

    monkeypatch.setattr(samples_files.os, "write", filling)
    with pytest.raises(UnavailableError, match="No space"):
        ParquetSamples(str(tmp_path)).write(PATH, TABLE)
    assert written == [100]
    assert _files(tmp_path) == []


def test_a_write_that_comes_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(samples_files.os, "write", lambda descriptor, body: real(descriptor, body[:100]))
    store = ParquetSamples(str(tmp_path))
    store.write(PATH, TABLE)
    assert store.read(PATH).equals(TABLE)


def test_a_real_limit_on_file_size_is_unavailable(tmp_path: Path) -> None:
    store = ParquetSamples(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(UnavailableError, match="too large"):
            store.write(PATH, TABLE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert _files(tmp_path) == []


def test_a_folder_that_can_not_be_made_or_read_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ParquetSamples(str(tmp_path / "samples"))
    with monkeypatch.context() as failing:
        _fail(failing, "mkdir", errno.EROFS)
        with pytest.raises(UnavailableError, match="Read-only"):
            store.write(PATH, TABLE)
    store.write(PATH, TABLE)
    with monkeypatch.context() as failing:
        _fail(failing, "unlink", errno.EACCES)
        with pytest.raises(UnavailableError, match="deleted: Permission"):
            store.delete([PATH])
    with monkeypatch.context() as failing:
        _fail(failing, "scandir", errno.EIO)
        with pytest.raises(UnavailableError, match="listed: Input/output"):
            list(store.list())


def test_a_root_that_is_a_file_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for durability in ("power", "process"):
        with pytest.raises(ConfigError, match=r"file.*samples_path"):
            ParquetSamples(str(tmp_path / "file"), durability).write(PATH, TABLE)
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(ConfigError, match=r"directory.*samples_path"):
        ParquetSamples(str(tmp_path)).read("folder.parquet")


def test_power_syncs_the_file_and_every_new_folder_and_process_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def recording(descriptor: int) -> None:
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{descriptor}").resolve(), tmp_path))
        real(descriptor)

    monkeypatch.setattr(samples_files.os, "fsync", recording)
    ParquetSamples(str(tmp_path), "process").write("a.parquet", TABLE)
    assert synced == []
    store = ParquetSamples(str(tmp_path), "power")
    store.write(PATH, TABLE)
    assert {"key=e", ".", "key=e/hour=00"} <= set(synced)
    synced.clear()
    store.write(PATH, TABLE)
    assert [HIDDEN.fullmatch(name.rpartition("/")[2]) is not None for name in synced] == [True, False]
    assert synced[-1] == "key=e/hour=00"


def test_many_files_are_durable_before_they_appear_and_again_when_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _skip_unless_synced_together(tmp_path)
    found: list[set[bool]] = []

    def recording(descriptor: int) -> None:
        found.append({HIDDEN.fullmatch(name.rpartition("/")[2]) is not None for name in _files(tmp_path)})
        sync_file_system(descriptor)

    monkeypatch.setattr(samples_files, "sync_file_system", recording)
    _write_many(ParquetSamples(str(tmp_path), "process"), TABLE)
    assert found == []
    for path in _files(tmp_path):
        (tmp_path / path).unlink()
    _write_many(ParquetSamples(str(tmp_path)), TABLE)
    assert found == [{True}, {False}]


@pytest.mark.parametrize("step", ["open", "write", "replace", "sync"])
def test_a_disk_that_fails_under_many_files_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _skip_unless_synced_together(tmp_path)
    store = ParquetSamples(str(tmp_path))
    _write_many(store, TABLE)
    before = _files(tmp_path)
    with monkeypatch.context() as failing:
        if step == "sync":
            failing.setattr(samples_files, "sync_file_system", _raises_no_space)
        else:
            calls: list[int] = []
            _fail(failing, step, errno.ENOSPC, lambda *_: calls.append(1) or len(calls) > 5)
        with pytest.raises(UnavailableError, match="can't be written: No space"):
            _write_many(store, OTHER)
    assert _files(tmp_path) == before
    _write_many(store, OTHER)
    assert {store.read(path).num_rows for path in before} == {50}


def test_files_on_another_device_are_synced_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _skip_unless_synced_together(tmp_path)
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    with tempfile.TemporaryDirectory(dir=elsewhere) as folder:
        (tmp_path / "key=0").symlink_to(folder)
        synced: list[str] = []
        real = os.fsync
        monkeypatch.setattr(
            samples_files.os,
            "fsync",
            lambda one: (synced.append(str(Path(f"/proc/self/fd/{one}").readlink())), real(one)),
        )
        _write_many(ParquetSamples(str(tmp_path)), TABLE)
        assert {name.startswith(folder) for name in synced if ".tmp" in name} == {True}
        assert ParquetSamples(str(tmp_path)).read("key=0/hour=00/a.parquet").num_rows == 100


def _write_many(store: ParquetSamples, table: pa.Table) -> None:
    sizes: dict[str, int] = {}
    with ThreadPoolExecutor(2) as writers:
        store.write_all({f"key={number}/hour=00/a.parquet": table for number in range(10)}, writers, sizes)


def _skip_unless_synced_together(folder: Path) -> None:
    if not can_sync_together(str(folder)):
        pytest.skip("this file system is synced file by file")


def _raises_no_space(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_that_maintenance_removes_meanwhile_is_made_again(tmp_path: Path) -> None:
    store, other = ParquetSamples(str(tmp_path)), ParquetSamples(str(tmp_path))
    for _ in range(3):
        store.write(PATH, TABLE)
        other.delete([PATH])
        assert _files(tmp_path) == []
        assert not (tmp_path / "key=e").exists()
    store.write(PATH, TABLE)
    assert other.read(PATH).num_rows == 100


def test_threads_that_write_and_delete_in_one_folder_do_not_harm_each_other(tmp_path: Path) -> None:
    store = ParquetSamples(str(tmp_path), "process")
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _ in range(100):
                store.write(f"key=e/hour=00/{name}.parquet", TABLE)
                store.delete([f"key=e/hour=00/{name}.parquet"])
        except BaseException as error:  # noqa: BLE001 (reported below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_whole_files_and_hidden_ones(tmp_path: Path) -> None:
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.kill()
        process.communicate()
    names = [Path(name).name for name in _files(tmp_path)]
    whole = [name for name in names if not HIDDEN.fullmatch(name)]
    assert whole
    assert all(
        pq.read_table(tmp_path / "key=e/hour=00" / name, partitioning=None).num_rows == 20_000
        for name in whole
    )
    # What folder readers see is whole too.
    assert ds.dataset(tmp_path, format="parquet", partitioning="hive").count_rows() == 20_000 * len(whole)


def test_a_hidden_file_is_seen_by_our_listing_and_by_no_folder_reader(tmp_path: Path) -> None:
    store = ParquetSamples(str(tmp_path))
    store.write(PATH, TABLE)
    hidden = f"key=e/hour=00/.123-{'0' * 32}.tmp"
    (tmp_path / hidden).write_bytes(b"PAR1 half")
    assert list(store.list()) == [hidden, PATH]
    assert ds.dataset(tmp_path, format="parquet", partitioning="hive").count_rows() == 100


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no Parquet",
        lambda content: content[:-4],
        lambda content: content[: len(content) // 2],
        lambda content: content[:60] + b"\xee" * 40 + content[100:],
        lambda content: content[:-400] + b"\xee" * 50 + content[-350:],
        lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1",
    ],
    ids=["empty", "text", "no end", "half", "flipped data", "flipped footer", "wrong length"],
)
def test_a_corrupt_file_is_named_with_what_to_do(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = ParquetSamples(str(tmp_path))
    store.write(PATH, TABLE)
    content = (tmp_path / PATH).read_bytes()
    (tmp_path / PATH).write_bytes(damage(content))
    with pytest.raises(ConfigError, match=rf"{PATH} is not a readable Parquet file.*backup.*`files`"):
        store.read(PATH)


def test_a_disk_that_fails_while_reading_is_not_called_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_, **__):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = ParquetSamples(str(tmp_path))
    store.write(PATH, TABLE)
    monkeypatch.setattr(pq, "ParquetFile", Broken)
    with pytest.raises(UnavailableError, match="read: Input/output"):
        store.read(PATH)


def test_an_object_store_that_is_down_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetSamples("memory://down/samples")
    store.write(PATH, TABLE)

    def down(*_, **__):
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    system = fsspec.filesystem("memory")
    for name in ("pipe_file", "open", "rm_file", "find"):
        monkeypatch.setattr(type(system), name, down)
    for call in (
        lambda: store.write(PATH, TABLE),
        lambda: store.read(PATH),
        lambda: store.delete([PATH]),
        lambda: list(store.list()),
    ):
        with pytest.raises(UnavailableError, match=r"memory://down/samples.*: reset"):
            call()


def test_an_object_is_put_in_one_request_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    system = fsspec.filesystem("memory")
    puts: list[str] = []
    real = type(system).pipe_file

    def recording(self, path, value, **options):
        puts.append(path)
        return real(self, path, value, **options)

    monkeypatch.setattr(type(system), "pipe_file", recording)
    ParquetSamples("memory://put/samples").write(PATH, TABLE)
    assert puts == [f"/put/samples/{PATH}"]


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("frobnicate://bucket/x", "frobnicate"),
        ("gs://user:sesame@bucket/x", "install gcsfs"),
        ("", "samples_path is empty"),
    ],
)
def test_a_root_that_can_not_be_used_is_refused_without_its_password(root: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        ParquetSamples(root)
    assert "sesame" not in str(caught.value)


def test_samples_lie_in_the_project_folder_unless_settings_say_else(tmp_path: Path) -> None:
    open_samples(Settings(project_dir=str(tmp_path))).write(PATH, TABLE)
    assert (tmp_path / ".modelmon" / "samples" / PATH).exists()
    open_samples(Settings(samples_path=f"file://{tmp_path}/elsewhere")).write(PATH, TABLE)
    assert (tmp_path / "elsewhere" / PATH).exists()


Calls = list[tuple[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What a remote file system is asked for: method and path or paths."""
    calls: Calls = []
    system = fsspec.filesystem("memory")

    def note(method: str) -> None:
        real = getattr(system, method)

        def noted(path: Any, *rest: Any, **more: Any) -> Any:
            calls.append((method, path))
            return real(path, *rest, **more)

        monkeypatch.setattr(system, method, noted)

    for method in ("ls", "find", "rm", "rm_file"):
        note(method)
    return calls


def test_a_remote_list_that_goes_on_asks_only_for_the_folders_that_are_left(asked: Calls) -> None:
    store = ParquetSamples("memory://asked/samples")
    paths = [f"key={key}/hour={hour}/x.parquet" for key in "abc" for hour in (1, 2)]
    for path in paths:
        store.write(path, TABLE)
    asked.clear()
    listed = store.list(after=paths[2])
    assert next(listed) == paths[3]
    assert [call for call in asked if call[0] == "find"] == [("find", "/asked/samples/key=b")]
    assert list(listed) == paths[4:]
    store.delete(paths)


def test_many_remote_files_are_deleted_by_one_call_and_missing_ones_are_no_error(asked: Calls) -> None:
    store = ParquetSamples("memory://asked/samples")
    paths = [f"key=a/{number}.parquet" for number in range(5)]
    for path in paths:
        store.write(path, TABLE)
    asked.clear()
    store.delete(paths[:2])
    assert [name for name, _ in asked if name == "rm"] == ["rm"]
    store.delete(["key=a/gone.parquet", *paths[2:]])
    assert list(store.list()) == []


def test_a_remote_name_that_looks_like_a_pattern_deletes_itself_alone() -> None:
    store = ParquetSamples("memory://asked/samples")
    paths = ["key=[ab]/x.parquet", "key=a/x.parquet", "key=*/x.parquet"]
    for path in paths:
        store.write(path, TABLE)
    store.delete([paths[0], paths[2]])
    assert list(store.list()) == [paths[1]]
    store.delete(paths)
