"""What the store of samples promises; what the one of series does is in `stores/series/base.py`.

The records and the ledger are SQL in every deployment (`sql/database.py`, `ledger/schema.py`, and one
file of functions per writer); samples and series are ports, because their technologies differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from sqlalchemy import Table

from modelmon.errors import UnavailableError
from modelmon.ledger.schema import files

if TYPE_CHECKING:
    import pyarrow as pa


class SampleStore(ABC):
    """Parquet files under one root. Paths are relative to it and contain no `..`."""

    is_far = False
    """Whether each read waits for another machine, so that several at a time are the quicker."""
    listed: Table = files
    """Which of the ledger's tables says which of its files count."""

    def merged(self, table: pa.Table) -> pa.Table:
        """What a file holds that takes the place of others, of all their rows in order."""
        return table

    @abstractmethod
    def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
        """Write one file so that it appears whole or not at all, and is durable when this returns; returns
        its bytes. `packed` takes longer and is for files that stay: smaller, and read in parts.

        Writing the same path again replaces it. Raises UnavailableError (full or read-only disk, object
        store down), after which a folder reader sees what it saw before, and ConfigError for a path that
        leads out of the root.
        """

    def write_all(self, tables: Mapping[str, pa.Table], writers: Executor, sizes: dict[str, int]) -> None:
        """`write` for each path, several at a time, so that their waiting overlaps.

        `sizes` gets the bytes of each that is durable, also when UnavailableError is raised for another.
        """
        futures = {path: writers.submit(self.write, path, table) for path, table in tables.items()}
        unavailable: UnavailableError | None = None
        for path, future in futures.items():
            try:
                sizes[path] = future.result()
            except UnavailableError as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable

    @abstractmethod
    def read(
        self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
    ) -> pa.Table:
        """One file, only `columns` where it has them, in that order; with a `span` of microseconds, rows
        outside of [start, end) may be left out. Is called from several threads.

        Raises FileNotFoundError, UnavailableError, and StoreError for a file that is corrupt, naming it.
        """

    @abstractmethod
    def delete(self, paths: Collection[str]) -> None:
        """Remove files and the folders that they leave empty; those that are gone already are no error."""

    @abstractmethod
    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Every file in the folder `prefix` and below, hidden temporary ones included, in the order of their
        paths' parts; only those after the path `after`, whether that exists or not."""
