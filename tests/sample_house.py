"""One project's records and samples, opened by processes that may die at any step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, insert, select, update

from ledger_rows import listed_paths
from modelmon.ledger.migrations import SCHEMA
from modelmon.ledger.schema import positions
from modelmon.sql.database import Database
from modelmon.stores.actuals import ParquetActuals
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from modelmon.upkeep import erasing, forgetting
from sample_files import HOUR_US, STREAM, add_file

NOW = 1_000 * HOUR_US
OLD = NOW - 10 * HOUR_US  # start of a closed hour
NO_ACTUALS = ParquetActuals("memory://no-actuals", "process")
forget = partial(forgetting.forget, actuals=NO_ACTUALS)
erase = partial(erasing.erase, actuals=NO_ACTUALS)


class Killed(BaseException):
    """The process ends here; only what is on disk and committed remains."""


class Mortal:
    """Counts the steps of stores that share it, and dies at one of them."""

    def __init__(self, dies_at: int = -1) -> None:
        self.dies_at = dies_at
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            raise Killed


class MortalDatabase(Database):
    def __init__(self, url: str, mortal: Mortal) -> None:
        self._mortal = Mortal()  # opening is no step
        super().__init__(url, SCHEMA, durability="process")
        self._mortal = mortal

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._mortal.step()
        with super().write() as connection:
            yield connection
            self._mortal.step()  # before the commit
        self._mortal.step()


class MortalSamples(ParquetSamples):
    def __init__(self, root: Path, mortal: Mortal) -> None:
        super().__init__(str(root), "process")
        self._mortal = mortal
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    def write(self, path: str, content: pa.Table, *, packed: bool = False) -> int:
        self._mortal.step()
        self.before_write()
        size = super().write(path, content, packed=packed)
        self.after_write()
        self._mortal.step()
        return size

    def delete(self, paths: Collection[str]) -> None:
        for path in paths:
            super().delete([path])
            self._mortal.step()


class House:
    """One project's records and samples; `stores(mortal)` opens them as another process would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/records.db"
        self.database, self.samples = self.stores()

    def stores(self, mortal: Mortal | None = None) -> tuple[Database, MortalSamples]:
        mortal = mortal or Mortal()
        return MortalDatabase(self.url, mortal), MortalSamples(self.folder / "samples", mortal)

    def fill(self, count: int = 10, hour_us: int = OLD, rows: int = 3, endpoint_id: str = "e") -> list[str]:
        """`count` files, rows interleaved in time, with a feature whose type changes; all applied."""
        paths = []
        for number in range(count):
            times = [hour_us + row * 1000 + number for row in range(rows)]
            values: list[Any] = [f"v{number}"] * rows if number == 3 else [number] * rows
            content = {"x": [number * rows + row for row in range(rows)], "mixed": values}
            paths.append(
                add_file(
                    self.database, self.samples, times, content, first=number * rows, endpoint_id=endpoint_id
                )
            )
        self.apply(count * rows - 1)
        return paths

    def apply(self, offset: int) -> None:
        row = {
            "stream_id": STREAM, "partition": 0, "stream": "events", "epoch": 1, "applied": offset,
            "applied_us": 0, "nop_us": 0,
        }  # fmt: skip
        with self.database.write() as connection:
            if connection.execute(update(positions).values(applied=offset)).rowcount == 0:
                connection.execute(insert(positions), [row])

    def copy(self, folder: Path) -> House:
        """The same project in another folder."""
        self.database.close()  # what its log holds goes into the file
        copytree(self.folder / "samples", folder / "samples")
        copyfile(self.folder / "records.db", folder / "records.db")
        return House(folder)

    def read(self, endpoint_id: str = "e") -> dict[str, list[Any]]:
        read = read_sample(self.database, self.samples, endpoint_id, 0, NOW * 2)
        return {
            name: column.to_pylist() for name, column in zip(read.column_names, read.columns, strict=True)
        }

    def on_disk(self) -> list[str]:
        return list(self.samples.list())

    def listed(self) -> list[str]:
        with self.database.read() as connection:
            return listed_paths(connection)

    def count(self, target: Any) -> int:
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(target)) or 0
