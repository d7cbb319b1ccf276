"""Samples as Parquet files, on a local folder or any fsspec URL.

pyarrow is imported when the first file is touched: the controller passes by here and may never need it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from modelmon.column_names import TIMESTAMP
from modelmon.errors import ConfigError, StoreError
from modelmon.settings import Settings
from modelmon.stores.base import SampleStore
from modelmon.stores.samples_files import RemoteFiles, open_files

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

WHOLE_BYTES = 4 * 2**20  # a smaller file is read whole: one request, and faster than seeking
PART_ROWS = 16_384  # of a packed file that are read together: few for a window, many for a year
DICTIONARY_ROWS = 1_000  # below, a dictionary of strings costs more than it saves


def open_samples(settings: Settings) -> SampleStore:
    """The project's samples. Raises ConfigError for a location that can't be used."""
    root = settings.location("samples_path")
    return ParquetSamples(root, durability=settings.durability)


class ParquetSamples(SampleStore):
    """Parquet below `root`, a folder or an fsspec URL. May be shared by threads."""

    def __init__(self, root: str, durability: str = "power") -> None:
        self._files = open_files(root, durable=durability == "power")
        self.root = self._files.root
        self.is_far = isinstance(self._files, RemoteFiles)

    def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
        body = _encoded(table, packed=packed)
        self._files.put(_checked(path), body)
        return len(body)

    def write_all(self, tables: Mapping[str, pa.Table], writers: Executor, sizes: dict[str, int]) -> None:
        if not self._files.puts_together(len(tables)):
            super().write_all(tables, writers, sizes)
            return
        bodies = writers.map(_encoded, tables.values())
        sizes |= self._files.put_all(zip(map(_checked, tables), bodies, strict=True))

    def read(
        self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
    ) -> pa.Table:
        import pyarrow as pa

        with self._files.open(_checked(path)) as source:
            try:
                return _decode(source, columns, span)
            except (pa.ArrowException, OSError, MemoryError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk, not of the content
                why = " ".join(str(error).split())
                raise StoreError(
                    f"{self.root}/{path} is not a readable Parquet file ({why}); restore it from a backup, "
                    "or delete its row from the table `files` of the records, to go on without its samples"
                ) from error

    def delete(self, paths: Collection[str]) -> None:
        self._files.delete([_checked(path) for path in paths])

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        return self._files.list(_checked(prefix) if prefix else "", after)


def _encoded(table: pa.Table, *, packed: bool = False) -> memoryview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd" if packed else "snappy",
        use_dictionary=packed or _dictionary_columns(table),  # none for numbers: 2.4 times faster
        row_group_size=PART_ROWS if packed else None,
        write_statistics=[TIMESTAMP],  # what readers prune by
        write_page_checksum=True,
    )
    return memoryview(sink.getvalue())


def _decode(source: Any, columns: Sequence[str] | None, span: tuple[int, int] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    small = source.seek(0, os.SEEK_END) < WHOLE_BYTES
    source.seek(0)
    # Not pq.read_table: four times slower, and it reads columns into the file from the folder names.
    file = pq.ParquetFile(
        pa.BufferReader(source.read()) if small else source,
        pre_buffer=not small,
        page_checksum_verification=True,
    )
    wanted = None if columns is None else list(dict.fromkeys(columns))
    table = _parts(file, wanted, span, use_threads=not small)
    if wanted is None:
        return table
    # Parquet takes a name for every column below it too (`a` for `a.b`), hence the select.
    held = set(table.column_names)
    return table.select([name for name in wanted if name in held])


def _parts(
    file: pq.ParquetFile, wanted: Sequence[str] | None, span: tuple[int, int] | None, *, use_threads: bool
) -> pa.Table:
    """The file, or those of its row groups that can hold rows of the span."""
    if span is None or file.num_row_groups < 2:
        return file.read(wanted, use_threads=use_threads)
    leaves = [file.schema.column(number).path for number in range(file.metadata.num_columns)]
    place = leaves.index(TIMESTAMP) if TIMESTAMP in leaves else -1
    groups = [number for number in range(file.num_row_groups) if _may_hold(file, number, place, span)]
    return file.read_row_groups(groups, wanted, use_threads=use_threads)


def _may_hold(file: pq.ParquetFile, group: int, place: int, span: tuple[int, int]) -> bool:
    times = file.metadata.row_group(group).column(place).statistics if place >= 0 else None
    if times is None or not times.has_min_max:
        return True
    return bool(times.max_raw >= span[0] and times.min_raw < span[1])


def _dictionary_columns(table: pa.Table) -> list[str]:
    import pyarrow.types as types

    return [
        field.name
        for field in table.schema
        if types.is_dictionary(field.type)
        or (table.num_rows >= DICTIONARY_ROWS and types.is_string(field.type))
    ]


def _checked(path: str) -> str:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or "\0" in path:
        raise ConfigError(f"a sample's path is relative, without '..' and empty parts, got {path!r}")
    return path
