"""What tests of the stream function share: its real graph, a stream in memory, stores in a folder."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from modelmon.ledger import dead_letters, schema
from modelmon.ledger.endpoints import put
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint, Message
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream import StreamStage
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.streams import open_stream
from modelmon.wire import ServingEvent, write_event

ROOT = Path(__file__).parents[1]
NOW_US = 1_700_000_000_000_000  # 2023-11-14 22:13:20 UTC
ENDPOINT = "endpoint-1"


def _graph() -> Callable[[Any], Any]:
    spec = importlib.util.spec_from_file_location("stream_function", ROOT / "functions/stream/main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.graph  # type: ignore[no-any-return]


graph = _graph()


def event(inputs: Any = ((1.0,),), outputs: Any = ((0.0,),), **fields: Any) -> bytes:
    """The body of one serving event."""
    values: dict[str, Any] = {
        "endpoint_id": ENDPOINT, "endpoint_name": "model", "function_uri": "project/function",
        "model_class": "Model", "version": "", "request_id": "r", "when_us": NOW_US, "latency_us": 1000,
        "inputs": [list(row) for row in inputs], "outputs": [list(row) for row in outputs],
    }  # fmt: skip
    return write_event(ServingEvent(**{"effective_sample_count": len(inputs), **values, **fields}))


class Bed:
    """A project in a folder, its events stream in memory, and stages that come and go."""

    def __init__(self, folder: Path, partitions: int = 1, **settings: Any) -> None:
        self.settings = Settings(
            project_dir=str(folder),
            project="flights",
            stream_path=f"memory://{folder}",
            events_partitions=partitions,
            **{"durability": "process", "flush_after_seconds": 3600.0, **settings},
        )
        self.stream = open_stream(self.settings.events_url, partitions)
        self.acknowledged: list[tuple[int, int]] = []
        self.clock_us = NOW_US + 1_000_000
        self._records: Database | None = None

    def register(self, **fields: Any) -> None:
        values = {"endpoint_id": ENDPOINT, "project": "flights", "name": "model", **fields}
        with self.records.write() as connection:
            put(connection, Endpoint(**values), NOW_US)

    def publish(self, *bodies: bytes, partition: int = 0) -> list[Message]:
        """Put messages on the stream; returns them as a trigger would deliver them."""
        first = self.stream.end_offsets()[partition]
        self.stream.publish([("", body) for body in bodies], partition=partition)
        return [Message(partition, first + place, "", body) for place, body in enumerate(bodies)]

    def stage(self, change: Callable[[Any], Any] = lambda parts: parts) -> StreamStage:
        """A new stage, as after a start; `change` may put other parts into its graph."""
        return StreamStage(
            self.settings, self._acknowledge, lambda parts: graph(change(parts)), lambda: self.clock_us
        )

    async def _acknowledge(self, partition: int, offset: int) -> None:
        self.acknowledged.append((partition, offset))

    @property
    def records(self) -> Database:
        if self._records is None:
            self._records = open_records(self.settings)
        return self._records

    def table(self, name: str, *columns: str) -> list[Any]:
        """The rows of a table, sorted: tuples of `columns`, or values when it is one column."""
        table = getattr(schema, name)
        with self.records.read() as connection:
            rows = connection.execute(select(*(table.c[column] for column in columns))).all()
        return sorted((row[0] for row in rows) if len(columns) == 1 else map(tuple, rows))

    def letters(self, *fields: str) -> list[Any]:
        """What was set aside, sorted: tuples of `fields`, or values when it is one field."""
        with self.records.read() as connection:
            found = dead_letters.find(connection)
        return sorted(map(attrgetter(*fields), found))

    def sample(self, endpoint_id: str = ENDPOINT) -> pa.Table:
        """All rows of an endpoint as readers see them."""
        samples = open_samples(self.settings)
        return read_sample(self.records, samples, endpoint_id, -(2**62), 2**62)

    def files(self, endpoint_id: str = ENDPOINT) -> list[pa.Table]:
        """The tables of an endpoint's listed files, by path, as they are on disk."""
        root = Path(self.settings.location("samples_path"))
        paths = [path for path, owner in self.table("files", "path", "endpoint_id") if owner == endpoint_id]
        return [pq.ParquetFile(root / path).read() for path in paths]

    def close(self) -> None:
        if self._records is not None:
            self._records.close()


def run(steps: Awaitable[Any]) -> Any:
    async def within_time() -> Any:
        async with asyncio.timeout(60):
            return await steps

    return asyncio.run(within_time())


async def feed(bed: Bed, messages: Sequence[Message]) -> None:
    """One stage takes these messages, writes them and ends."""
    stage = bed.stage()
    for message in messages:
        await stage.accept(message)
    await stage.close()


def written(folder: Path, *bodies: bytes, **settings: Any) -> Bed:
    """A project after the stream function has written these messages."""
    bed = Bed(folder, **settings)
    run(feed(bed, bed.publish(*bodies)))
    return bed
