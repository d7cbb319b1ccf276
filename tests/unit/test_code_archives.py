"""Archives of code: what is taken, what is refused, and that nothing leaves the folder they are kept in."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.errors import ConfigError
from modelmon.model_monitoring.code_archives import (
    archives_folder,
    files_of,
    forget_archives,
    keep_archive,
    pack,
    read_archive,
)
from modelmon.settings import Settings

MOST = 100_000


def zipped(
    *entries: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644, kind: int = zipfile.ZIP_STORED
) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, kind
            archive.writestr(info, content)
    return made.getvalue()


def test_a_folder_arrives_as_it_is_without_what_is_no_code(tmp_path: Path) -> None:
    for name in ("app.py", "data/a.csv", ".git/config", "__pycache__/app.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read_archive(pack(files_of(tmp_path)), MOST).files
    assert found == {"app.py": b"app.py", "data/a.csv": b"data/a.csv"}
    assert pack(files_of(tmp_path)) == pack(files_of(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/x", "../x.py", "a/../../x.py", "a/./x.py", "a//x.py", "C:x.py", "a\\x.py", "x\ny.py", "",
        "..",         "x" * 201, "a/\u202ex.py",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^archive: "):
        read_archive(zipped((name, b"")), MOST)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(("x", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "a link or a device"),
        (zipped(("x", b""), mode=stat.S_IFIFO | 0o644), "a link or a device"),
        (zipped(("x1", b"a"), ("x2", b"b")).replace(b"x2", b"x1"), "in it twice"),
        (zipped(("x.py", b"a"), ("X.py", b"b")), "differs in case only"),
        (zipped(("x", b"a"), ("x/y", b"b")), "'x' is a file in it and a folder"),
        (
            zipped(("x", b"a" * (MOST + 1)), kind=zipfile.ZIP_DEFLATED),
            "100,001 bytes when unpacked; at most 100,000",
        ),
        (zipped(*((f"{each}", b"") for each in range(1001))), "1,001 files; at most 1,000"),
        (zipped(("x", b"a"), kind=zipfile.ZIP_LZMA), "packed in an unusual way"),
        (zipped(), "it holds no file"),
        (b"a" * (MOST + 1), "100,001 bytes; at most 100,000"),
        (b"no archive", "can't be read as a zip archive"),
        (b"", "can't be read as a zip archive"),
    ],
)
def test_what_is_no_archive_of_plain_files_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_archive(content, MOST)


def test_a_file_that_is_longer_than_its_archive_says_is_not_read_beyond_that() -> None:
    content = bytearray(zipped(("x", b"a" * 1_000_000), kind=zipfile.ZIP_DEFLATED))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 10)
    with pytest.raises(ConfigError, match="can't be read as a zip archive"):
        read_archive(bytes(content), MOST)


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=20))
def test_whatever_comes_is_an_archive_or_refused(noise: bytes, place: int, change: bytes) -> None:
    good = pack({"app.py": b"x = 1", "data/a.csv": b"1,2"})
    for content in (noise, good[:place] + change + good[place + len(change) :]):
        try:
            found = read_archive(content, MOST)
        except ConfigError:
            continue
        assert all(".." not in name.split("/") and not name.startswith("/") for name in found.files)


def test_what_is_kept_is_for_its_owner_and_goes_when_nothing_uses_it(tmp_path: Path) -> None:
    settings = Settings.load(project="shop", project_dir=str(tmp_path), environ={})
    kept = [keep_archive(settings, read_archive(pack({"app.py": text}), MOST)) for text in (b"1", b"2")]
    assert [(each / "app.py").read_bytes() for each in kept] == [b"1", b"2"]
    assert stat.S_IMODE(archives_folder(settings).stat().st_mode) == 0o700
    for each in kept:
        os.utime(each.parent, (100, 100))
    forget_archives(settings, [str(kept[1].resolve() / "app.py")], 50)
    assert all(each.is_dir() for each in kept)
    forget_archives(settings, [str(kept[1].resolve() / "app.py")], 200)
    assert [each.is_dir() for each in kept] == [False, True]
