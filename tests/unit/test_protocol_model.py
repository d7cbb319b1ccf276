"""The exactly-once protocol under random interleavings: kills, zombies, replays, compaction, erasing,
sweep; predictions by one partition, what came true for them by another.

Real code throughout: where batches are cut (PartitionBuffer), `apply_batch` and its steps in the order of the
stream function's graph, the ledger on SQLite, the SQL series, compaction, erasing, sweep and reader. Only
the files are in memory. Actors are threads that run one at a time and can be stopped for good, or for long,
before each transaction and file.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from sqlalchemy import Connection, delete, select

import ledger_rows
from modelmon.errors import ConfigError
from modelmon.ledger import batches, dead_letters, latencies, schema
from modelmon.ledger.actuals_schema import ACTUALS_TABLES, actual_files
from modelmon.ledger.endpoints import put
from modelmon.ledger.records import records_at
from modelmon.ledger.window_ledger import Watched
from modelmon.model import Endpoint, Message, to_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream import Parts
from modelmon.stages.stream.exactly_once import apply_batch
from modelmon.stages.stream.partition import Cut, PartitionBuffer
from modelmon.stores.actuals_joining import without_superseded
from modelmon.stores.base import SampleStore
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series.schema import series_traffic
from modelmon.stores.series.sql import SqlSeries
from modelmon.upkeep import asking
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.erasing import erase
from modelmon.upkeep.sweep import sweep
from modelmon.windows import Period, Span
from modelmon.wire import Actuals, write_actuals
from modelmon.wire.actuals import read_actuals
from repeating import examples, times
from series_files import series_in
from services.postgres import NEEDS_POSTGRES, Postgres, shared_postgres
from streaming import NOW_US, event, graph

STREAM_ID = "stream"
HOUR_US = 3_600_000_000
LATER_US = NOW_US + 48 * HOUR_US  # every hour of the log is closed by then
NO_DEADLINE = float("inf")
ENDPOINTS = ("a", "b")
MESSAGES = 6
WRITTEN = (
    schema.positions, schema.void_ranges, schema.files, schema.traffic, schema.latencies,
    series_traffic,    schema.endpoints, schema.dirty, schema.dead_letters, schema.rewrites, schema.erasures,
    schema.column_types, *ACTUALS_TABLES,
)  # fmt: skip
GRID = [Period(0, 10)]
Place = tuple[int, int, int]  # offset, item, row
Step = Callable[[Any], Awaitable[Any]]
T = TypeVar("T")


def log() -> list[Message]:
    """Messages of two endpoints, two hours, one or two rows each."""
    return [
        Message(
            0,
            offset,
            "",
            event(
                [[float(offset)]] * (1 + offset % 2),
                endpoint_id=ENDPOINTS[offset % 3 == 0],
                when_us=NOW_US + (offset % 4 == 0) * HOUR_US,
                latency_us=1 << offset,  # one in each bucket
                request_id=f"r{offset}",
                input_names=("x",),
                output_names=("late",),
            ),
        )
        for offset in range(MESSAGES)
    ]


def log_of_actuals() -> list[Message]:
    """What came true: of all requests, of some of them once more, of one by its entity, and of nobody's."""
    told = [
        *((offset, [f"r{offset}"], offset) for offset in range(MESSAGES)),
        *((offset, [f"r{offset}"], 10 + offset) for offset in range(0, MESSAGES, 2)),
        (0, ["nobody's"], 1),
    ]
    return [
        Message(1, place, "", write_actuals(Actuals(ENDPOINTS[offset % 3 == 0], {"late": [late]}, ids, [0])))
        for place, (offset, ids, late) in enumerate(told)
    ]


LOG = log()
ACTUALS = log_of_actuals()
LOGS = (LOG, ACTUALS)
PLACES = {(offset, 0, row) for offset in range(MESSAGES) for row in range(1 + offset % 2)}


class KilledError(BaseException):
    """`kill -9`: nothing of the actor runs after it."""


class Actor(threading.Thread):
    """Runs until its next pause when `step` is called; never at the same time as another one."""

    def __init__(self, body: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._body = body
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.is_killed = self.is_done = False
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.pause()
            self._body()
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised in the thread that steps us
            self.error = error
        self.is_done = True
        self._back.release()

    def pause(self) -> None:
        self._back.release()
        self._turn.acquire()
        if self.is_killed:
            raise KilledError

    def step(self) -> None:
        self._turn.release()
        self._back.acquire()
        if self.error is not None:
            raise self.error

    def begin(self) -> Actor:
        self._back.acquire()
        return self

    def kill(self) -> None:
        self.is_killed = True
        self.step()
        self.join()


def pause() -> None:
    """Here another actor may run, and this one may die."""
    actor = threading.current_thread()
    if isinstance(actor, Actor):
        actor.pause()


class PausingDatabase:
    """The ledger; an actor may stop before each transaction, never inside one."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner

    @contextmanager
    def write(self) -> Iterator[Connection]:
        pause()
        with self._inner.write() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        pause()
        with self._inner.read() as connection:
            yield connection


class MemorySamples(SampleStore):
    """Files in memory; an actor may stop before each access."""

    def __init__(self) -> None:
        self.files: dict[str, pa.Table] = {}

    def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
        pause()
        self.files[path] = table
        return 1

    def read(
        self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
    ) -> pa.Table:
        pause()
        if path not in self.files:
            raise FileNotFoundError(path)
        table = self.files[path]
        return table if columns is None else table.select([c for c in columns if c in table.column_names])

    def delete(self, paths: Collection[str]) -> None:
        for path in paths:
            pause()
            self.files.pop(path, None)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        pause()
        inside = (path.split("/") for path in self.files if not prefix or path.startswith(f"{prefix}/"))
        return iter(["/".join(parts) for parts in sorted(inside) if parts > after.split("/")])


class MemoryActuals(MemorySamples):
    """The same for files of actuals."""

    listed = actual_files

    def merged(self, table: pa.Table) -> pa.Table:
        return without_superseded(table)


class AtOnce(Executor):
    """What is submitted runs here and now, so that an actor may stop in it."""

    def submit(self, action: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(action(*arguments, **named))
        return future


async def at_once(action: Callable[[], T], _settings: Settings, _what: str) -> T:
    """Nothing is ever unavailable here."""
    return action()


def result_of(steps: Coroutine[Any, Any, T]) -> T:
    """What comes of steps that wait for nothing."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("a step of the protocol waits")


def steps_of(flow: Any) -> dict[str, Step]:
    """The steps of the stream function's graph, in its order."""
    found: dict[str, Step] = {}
    while flow is not None:
        if hasattr(flow, "apply"):
            found[flow.name] = flow.apply
        assert len(flow._outlets) <= 1, "the graph has a branch"
        flow = next(iter(flow._outlets), None)
    return found


class World:
    """One ledger, one set of files, one log, and the actors on them; `seed` decides everything."""

    def __init__(self, database: Database, seed: int) -> None:
        self.random = random.Random(seed)
        self.plain = database
        series_in(database).close()  # its tables
        with database.write() as connection:
            for table in WRITTEN:
                connection.execute(delete(table))
        self.database: Any = PausingDatabase(database)
        self.samples = MemorySamples()
        self.actuals = MemoryActuals()
        with database.write() as connection:  # else the actuals of one that is not known yet are set aside
            for endpoint_id in ENDPOINTS:
                put(connection, Endpoint(endpoint_id, "model", "model", label_names=("late",)), NOW_US)
        self.series = SqlSeries(self.database)
        self.settings = Settings(
            project="model",
            batch_max_events=self.random.randint(1, 4),
            batch_tries=self.random.randint(2, 3),
            flush_after_seconds=0,
        )
        self.parts = Parts(
            self.settings, self.samples, "samples", self.series, self.database, AtOnce(), self.actuals,
            clock=lambda: LATER_US, wait=at_once,
        )  # fmt: skip
        self.steps = steps_of(graph(self.parts))
        self.committed = [0, 0]
        self.forgotten: set[int] = set()
        self.sweep: Callable[..., Any] = sweep

    # --- actors -----------------------------------------------------------------------------------

    def own(self, partition: int | None = None) -> None:
        """A stream function: takes a partition over and writes what is delivered, in cuts of its own."""
        partition = self.random.choice((0, 0, 1)) if partition is None else partition
        first = self.random.choice((0, self.committed[partition]))
        with self.database.write() as connection:
            position = batches.take_over(connection, STREAM_ID, partition, "events")
        buffer = PartitionBuffer(position, self.settings)
        for message in LOGS[partition][first:]:
            if message.offset <= buffer.applied:
                continue
            buffer.add(message, 0.0)
            while buffer.is_full or (buffer.can_cut and self.random.random() < 0.3):
                if not self._write(buffer):
                    return
        while buffer.can_cut:
            if not self._write(buffer):
                return

    def _write(self, buffer: PartitionBuffer) -> bool:
        cut = buffer.cut()
        if not self._apply(buffer.position, cut):
            return False
        buffer.done(cut, 0.0)
        pause()
        self._acknowledge(buffer.position, cut)
        return True

    def _acknowledge(self, position: batches.Position, cut: Cut) -> None:
        self.committed[position.partition] = max(self.committed[position.partition], cut.open.last + 1)

    def _apply(self, position: batches.Position, cut: Cut) -> bool:
        return result_of(apply_batch(self.parts, position, cut, LATER_US, self._through))

    async def _through(self, batch: Any) -> Any:
        """The graph without storey. A step that answers, the last one, hands on what it was given."""
        value, answer = batch, None
        for step in self.steps.values():
            made = await step(value)
            if made is None or isinstance(made, bool):
                answer = made
            else:
                value = made
        return answer

    def tidy(self) -> None:
        """The controller's maintenance, once it has seen the dirty minutes."""
        with self.database.write() as connection:
            connection.execute(delete(schema.dirty))
        # Or so much later that others look dead, or that the month is over.
        now_us = LATER_US + self.random.choice((0, 2 * HOUR_US, 40 * 24 * HOUR_US))
        for store in (self.samples, self.actuals):
            compact(self.database, store, now_us, NO_DEADLINE, min_files=2)
            self.sweep(self.database, store, now_us, NO_DEADLINE)

    def read(self) -> None:
        """A reader sees each row once, and all rows of one endpoint up to some offset."""
        endpoint_id = self.random.choice(ENDPOINTS)
        try:
            table = read_sample(self.database, self.samples, endpoint_id, 0, 2 * NOW_US, actuals=self.actuals)
        except ConfigError as error:
            raise AssertionError("a listed file is gone") from error
        seen = places_of(table)
        assert len(set(seen)) == len(seen), f"rows twice: {sorted(seen)}"

    def ask(self) -> None:
        """Who asks for windows again finds one for each row that can be read, whatever is under way."""
        endpoint_id = self.random.choice(ENDPOINTS)
        try:
            table = read_sample(self.database, self.samples, endpoint_id, 0, 2 * NOW_US)
        except ConfigError:  # nothing of it is known yet
            return
        found = asking.find_windows(
            self.database, self.series, "app", GRID, Watched(endpoint_id, False, None),
            Span(0, 2 * NOW_US), MESSAGES,
        )  # fmt: skip
        rows = table.select(["timestamp", "stream_offset"]).to_pylist()
        missed = {to_us(row["timestamp"]) for row in rows if row["stream_offset"] not in self.forgotten}
        for span in found.kept:
            missed = {time_us for time_us in missed if not span.start_us <= time_us < span.end_us}
        assert not missed, f"rows that no window was found for: {missed}"

    def forget(self) -> None:
        """Somebody has the rows of one message erased."""
        offset = self.random.randrange(MESSAGES)
        self.forgotten.add(offset)
        self.erase(self.database, offset)

    def erase(self, database: Any, offset: int) -> None:
        where = {"stream_offset": str(offset)}
        whose = ENDPOINTS[offset % 3 == 0]
        erase(database, self.samples, whose, where, LATER_US, actuals=self.actuals)

    # --- the course of things ---------------------------------------------------------------------

    def run(self) -> None:
        """Actors start, stop and die at random; then one function and one controller run to the end."""
        actors: list[Actor] = []
        for _ in range(self.random.randint(20, 70)):
            if len(actors) < 4 and self.random.random() < 0.25:
                body = self.random.choice((*(self.own, self.tidy) * 3, self.read, self.ask, self.forget))
                actors.append(Actor(body).begin())
            if not actors:
                continue
            actor = self.random.choice(actors)
            if self.random.random() < 0.06:
                actor.kill()
            else:
                for _ in range(self.random.choice((1, 1, 2, 8))):
                    if not actor.is_done:
                        actor.step()
            actors = [each for each in actors if not each.is_done]
        keep = [each for each in actors if self.random.random() < 0.5]  # zombies: they wake up at the end
        for actor in actors:
            if actor not in keep:
                actor.kill()
        self.finish()
        for actor in keep:
            while not actor.is_done:
                actor.step()
        if keep:
            self.finish()

    def finish(self) -> None:
        for partition in self.random.sample((0, 1), 2):
            self.own(partition)
        with self.plain.write() as connection:
            connection.execute(delete(schema.rewrites))  # as after an hour
        for offset in self.forgotten:  # what was killed halfway is run again, and more may have come since
            self.erase(self.plain, offset)
        for store in (self.samples, self.actuals):
            self.sweep(self.plain, store, LATER_US, NO_DEADLINE)

    def check(self) -> None:
        """Every row exactly once in listed files and in the series, or in one dead letter; counts exact."""
        with self.plain.read() as connection:
            files = ledger_rows.listed_files(connection)
            letters = dead_letters.find(connection)
            aside = [letter.offset for letter in letters if letter.partition == 0]
            of_actuals = [letter.offset for letter in letters if letter.partition == 1]
            traffic = ledger_rows.all_traffic(connection)
            timed = latencies.total(connection)
            void = batches.void_ranges(connection)
            positions = batches.positions(connection)
            beside = connection.scalars(select(actual_files.c.path)).all()
            received = ledger_rows.counts_of_actuals(connection)
        listed, rows = [each.path for each in files], sum(each.rows for each in files)
        assert all(path in self.samples.files for path in listed), "a listed file is gone"
        ends = [(len(each) - 1, None) for each in LOGS]
        assert [(each.applied, each.open) for each in positions] == ends
        self.check_actuals(expected := {place for place in PLACES if place[0] not in aside}, of_actuals)
        assert set(self.actuals.files) == set(beside), "files of actuals at rest that nobody lists"
        assert sum(each[0] for each in received) == len(ACTUALS) - len(of_actuals)
        assert all(each[0] == sum(each[1:]) for each in received), "actuals that are nowhere"
        stored = [place for path in listed for place in places_of(self.samples.files[path])]
        kept = {place for place in expected if place[0] not in self.forgotten}
        assert Counter(stored) == Counter(kept)
        assert len(set(aside)) == len(aside)
        assert rows == len(kept)
        assert set(self.samples.files) == set(listed), "files at rest that nobody lists"
        assert sum(row.stored for row in traffic) == len(expected)
        assert sum(row.rejected for row in traffic) == len(letters)
        assert sum(row.received for row in traffic) == len(expected) + len(letters)
        offsets = sorted({offset for offset, _, _ in expected})
        assert timed == {offset + 1: latencies.LatencyBucket(1, 1 << offset) for offset in offsets}
        points = SqlSeries(self.plain).read_traffic(ENDPOINTS, 0, 2 * NOW_US, void=void)
        assert sum(point.rows for point in points) == len(expected)
        assert sum(point.predictions for point in points) == MESSAGES - len(aside)

    def check_actuals(self, stored: Collection[Place], aside: Collection[int]) -> None:
        """Beside each prediction the newest of its actuals, and none for a row that was erased."""
        told = [(place, read_actuals(message.body)) for place, message in enumerate(ACTUALS)]
        newest = {each.request_ids[0]: each.columns["late"][0] for place, each in told if place not in aside}
        for endpoint_id in ENDPOINTS:
            table = read_sample(self.plain, self.samples, endpoint_id, 0, 2 * NOW_US, actuals=self.actuals)
            for row in table.to_pylist():
                own = newest.get(row["request_id"]) if row["event_row"] == 0 else None
                assert row["actual.late"] == own, f"{row['request_id']} came true as {row['actual.late']}"
        held = [
            each for table in self.actuals.files.values() for each in table.column("request_id").to_pylist()
        ]
        erased = {f"r{offset}" for offset, _, _ in stored if offset in self.forgotten}
        assert not erased & set(held), "what came true for erased rows is still there"


def places_of(table: pa.Table) -> list[Place]:
    columns = [table.column(name).to_pylist() for name in ("stream_offset", "event_item", "event_row")]
    return list(zip(*columns, strict=True))


@pytest.fixture(autouse=True)
def _one_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelmon.stores.samples_reading.READERS", 1)  # an actor is one thread


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = records_at(f"sqlite:///{tmp_path_factory.mktemp('model')}/records.db", durability="process")
    yield database
    database.close()


def explore(database: Database, seeds: Sequence[int], change: Callable[[World], None] | None = None) -> None:
    for seed in seeds:
        world = World(database, seed)
        if change is not None:
            change(world)
        try:
            world.run()
            world.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.slow
def test_every_row_counts_once_in_dozens_of_interleavings(database: Database) -> None:
    explore(database, range(examples(30)))


@pytest.mark.slow
@pytest.mark.long
def test_every_row_counts_once_in_many_interleavings_that_nobody_has_chosen(database: Database) -> None:
    start = random.SystemRandom().randrange(10**9)
    explore(database, range(start, start + times(3_000, few=300)))


@pytest.mark.long
@pytest.mark.parametrize("make", [pytest.param(shared_postgres, marks=NEEDS_POSTGRES, id="postgresql")])
def test_every_row_counts_once_on_postgresql_too(make: Callable[[], Postgres]) -> None:
    with closing(records_at(make().database())) as database:
        explore(database, range(times(1_000, few=60)))


def sweep_every_unlisted_file(
    database: Any, samples: SampleStore, now_us: int, deadline: float
) -> tuple[int, str]:
    with database.read() as connection:
        listed = set(connection.scalars(select(samples.listed.c.path)))
    samples.delete([path for path in samples.list() if path not in listed])
    return 0, ""


def sweeps_too_much(world: World) -> None:
    world.sweep = sweep_every_unlisted_file


def ignores_the_epoch(world: World) -> None:
    """Whoever commits is taken for the present owner."""
    commit = world.steps["commit"]

    async def as_the_owner(tabled: Any) -> Any:
        with world.database.read() as connection:
            now = batches.read_position(connection, STREAM_ID, tabled.decoded.batch.range.partition)
        batch = replace(tabled.decoded.batch, position=now)
        return await commit(replace(tabled, decoded=replace(tabled.decoded, batch=batch)))

    world.steps["commit"] = as_the_owner


def acknowledges_first(world: World) -> None:
    apply = world._apply

    def early(position: batches.Position, cut: Cut) -> bool:
        world._acknowledge(position, cut)
        return apply(position, cut)

    world._apply = early  # type: ignore[method-assign]


def swaps(first: str, second: str) -> Callable[[World], None]:
    """Two steps of the graph in each other's place."""

    def swap(world: World) -> None:
        names = list(world.steps)
        one, other = names.index(first), names.index(second)
        names[one], names[other] = names[other], names[one]
        world.steps = {name: world.steps[name] for name in names}

    return swap


@pytest.mark.slow
@pytest.mark.parametrize("steps", [("series", "commit"), ("samples", "commit")])
def test_two_steps_of_the_graph_in_the_wrong_order_are_found_in_few_interleavings(
    steps: tuple[str, str], database: Database
) -> None:
    with pytest.raises(AssertionError, match="seed"):
        explore(database, range(100), swaps(*steps))


@pytest.mark.slow
def test_an_actual_that_nobody_looks_for_again_is_found_waiting_in_few_interleavings(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmon.ledger.actuals._check", lambda seen, now: None)
    with pytest.raises(AssertionError, match="seed"):
        explore(database, range(400))


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [sweeps_too_much, acknowledges_first, ignores_the_epoch])
def test_the_exploration_finds_a_protocol_with_this_mistake(
    mistake: Callable[[World], None], database: Database
) -> None:
    with pytest.raises(AssertionError, match="seed"):
        explore(database, range(400), mistake)
