"""Code and models on their way to another machine: a zip archive of plain files, bounded, kept with its hash.

Nothing in an archive is run, loaded or unpickled here: its files are written down, and that is all.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.model_monitoring.whole_folders import LEFT_OUT, private_folder, replace_folder
from modelmon.settings import Settings

MOST_FILES = 1_000
LONGEST_NAME = 200
ARCHIVE, CODE = "archive.zip", "code"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""Of each file in an archive: the same files are the same bytes."""


@dataclass(frozen=True, slots=True)
class CodeArchive:
    """The files of an archive that came, by their names in it; `sha256` of what came."""

    content: bytes
    files: Mapping[str, bytes]
    sha256: str

    @property
    def told(self) -> str:
        """For an audit row."""
        return f"sha256 {self.sha256}, {count(len(self.files), 'file')}, {len(self.content):,} bytes"


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these files, by name.

    >>> sorted(read_archive(pack({"app.py": b"x = 1", "data/a.csv": b""}), 1000).files)
    ['app.py', 'data/a.csv']
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _WHEN), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def files_of(source: Path) -> dict[str, bytes]:
    """A file, or what a folder holds but for what is no code (`.git`, `__pycache__`), by name for `pack`."""
    if source.is_file():
        return {source.name: source.read_bytes()}
    found: dict[str, bytes] = {}
    for path in sorted(source.iterdir()):
        if LEFT_OUT("", [path.name]):
            continue
        inside = files_of(path)
        found |= inside if path.is_file() else {f"{path.name}/{name}": inside[name] for name in inside}
    return found


def read_archive(content: bytes, most_bytes: int) -> CodeArchive:
    """The files of a zip archive. Raises ConfigError for one that is none, or that holds more than
    `most_bytes` or 1,000 files, or anything but plain files below its top."""
    if len(content) > most_bytes:
        raise ConfigError(f"archive: {len(content):,} bytes; {_most(most_bytes)}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            _check(entries, most_bytes)
            files = {each.filename: archive.read(each) for each in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, IndexError, OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"archive: it can't be read as a zip archive: {error}") from None
    return CodeArchive(content, files, hashlib.sha256(content).hexdigest())


def keep_archive(settings: Settings, archive: CodeArchive) -> Path:
    """The folder that holds its files: kept in the project's, with the archive as it came, for its owner."""

    def fill(folder: Path) -> None:
        (folder / ARCHIVE).write_bytes(archive.content)
        for name, content in archive.files.items():
            target = folder / CODE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    private_folder(archives_folder(settings))
    return replace_folder(archives_folder(settings) / archive.sha256, fill) / CODE


def archives_folder(settings: Settings) -> Path:
    return state_folder(Path(settings.project_dir)) / "archives"


def forget_archives(settings: Settings, used: Collection[str], before_seconds: float) -> None:
    """Remove what came before this moment (seconds since the epoch), unless a path in `used` lies in it."""
    for folder in archives_folder(settings).glob("[0-9a-f]*"):
        is_used = any(Path(path).is_relative_to(folder.resolve()) for path in used if path)
        if not is_used and folder.stat().st_mtime < before_seconds:
            shutil.rmtree(folder, ignore_errors=True)


def _check(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if not entries:
        raise ConfigError("archive: it holds no file")
    if len(entries) > MOST_FILES:
        raise ConfigError(f"archive: {len(entries):,} files; at most {MOST_FILES:,} are taken")
    unpacked = sum(each.file_size for each in entries)
    if unpacked > most_bytes:
        raise ConfigError(f"archive: {unpacked:,} bytes when unpacked; {_most(most_bytes)}")
    seen: set[str] = set()
    for each in entries:
        _check_one(each)
        if each.filename.casefold() in seen:
            raise ConfigError(f"archive: {each.filename!r} is in it twice, or differs in case only")
        seen.add(each.filename.casefold())
    for name in seen:
        if above := {str(parent) for parent in PurePosixPath(name).parents} & seen:
            raise ConfigError(f"archive: {min(above)!r} is a file in it and a folder")


def _check_one(entry: zipfile.ZipInfo) -> None:
    kind, name = stat.S_IFMT(entry.external_attr >> 16), entry.orig_filename
    if kind not in (0, stat.S_IFREG):
        raise ConfigError(f"archive: {name!r} is a link or a device; only plain files are taken")
    if entry.flag_bits & 1:
        raise ConfigError(f"archive: {name!r} is encrypted; send it plain")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ConfigError(f"archive: {name!r} is packed in an unusual way; use deflate")
    parts = name.split("/")
    odd = (
        PurePosixPath(name).is_absolute()
        or not name.isprintable()
        or any(each in name for each in '\\:*?"<>|')
    )
    if odd or any(part in ("", ".", "..") for part in parts) or len(name) > LONGEST_NAME:
        raise ConfigError(f"archive: {name!r} can't be a file's name in it: write it as app.py or data/a.csv")


def _most(most_bytes: int) -> str:
    return f"at most {most_bytes:,} are taken (remote_deploy_megabytes)"
