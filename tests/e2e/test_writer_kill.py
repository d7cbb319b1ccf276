"""The real writer in a process of its own, ended by `kill -9` at random moments while slow drift is folded.

Windows come in any order, again, and judged anew: each of these has every later window folded once more. In
the end results, sums and incidents are those of a writer that nobody disturbed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from e2e.test_stream_kill import Worker
from modelmon import wire
from modelmon.ledger import profiles
from modelmon.ledger.incident_schema import incidents, outbox
from modelmon.ledger.schema import verdicts
from modelmon.ledger.sum_schema import sum_states, window_sums
from modelmon.settings import Settings
from modelmon.stats import profile_to_json
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import reports_of
from repeating import times
from services.postgres import NEEDS_POSTGRES, shared_postgres
from unit.test_slow_drift import TRAINING, answered, sums_of
from unit.window_support import E1, E2, Chain, at

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]

KILLS = times(24, few=4)
WINDOWS, ENDPOINTS = 24, (E1, E2)
OF_INCIDENTS = (
    "rule", "endpoint_id", "application_name", "result_name", "state", "reason", "status", "first_us",
    "last_us", "detected_us", "ended_us", "windows", "detected",
)  # fmt: skip


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/records.db"


def postgresql(folder: Path) -> str:
    return shared_postgres().database()


DATABASES = [
    pytest.param(sqlite, id="sqlite"),
    pytest.param(postgresql, id="postgresql", marks=NEEDS_POSTGRES),
]


def chain_in(folder: Path, records_url: str) -> Chain:
    """Windows of two endpoints that are sent to the app; the writer's stream is on disk."""
    folder.mkdir()
    chain = Chain(folder, records_url=records_url, stream_path=f"sqlite:///{folder}/streams")
    with chain.database.write() as connection:
        profiles.keep(connection, profile_to_json(TRAINING), 1)
    return chain


def windows(chain: Chain) -> list[wire.AppEvent]:
    for endpoint_id in ENDPOINTS:
        served = [at(10 * number + 1) for number in range(WINDOWS + 1)]
        chain.serve(*served, now=at(10 * WINDOWS + 1), endpoint_id=endpoint_id)
    chain.tick(at(10 * WINDOWS + 1))
    return chain.app_events()


def reports(events: list[wire.AppEvent], seed: int) -> list[bytes]:
    """An answer to each window, one endpoint after some windows on the move; in any order, some of them
    again, and some of a later revision with other sums: what comes true late has windows judged anew."""
    drawn = random.Random(seed)
    found = []
    for event in events:
        number = (event.key.start_us - at(0)) // 600_000_000
        shift = 0.3 if event.endpoint_id == E1 and number >= 8 else 0.0
        found.append((event, sums_of(shift, number)))
    drawn.shuffle(found)
    bodies = [answered(event, sums) for event, sums in found]
    for event, _ in drawn.sample(found, 8):
        bodies.append(answered(replace(event, window_revision=2), sums_of(0.0, drawn.randrange(99)), 2))
    return bodies + drawn.choices(bodies, k=10)


def stored(chain: Chain) -> dict[str, Any]:
    """All that the writer has decided, without the moments at which it did."""
    found: dict[str, Any] = {
        "values": sorted(
            (each.endpoint_id, each.start_us, each.name, each.value, each.status, each.revision)
            for each in chain.values()
        )
    }
    with chain.database.read() as connection:
        for table in (window_sums, sum_states, verdicts):
            found[table.name] = sorted(map(repr, connection.execute(select(table))))
        # How many came and went meanwhile depends on what was known when.
        stays = select(*(incidents.c[name] for name in OF_INCIDENTS)).where(
            incidents.c.reason.in_(("", "calm"))
        )
        found["incidents"] = sorted(map(repr, connection.execute(stays)))
        numbers = connection.scalars(select(outbox.c.number).order_by(outbox.c.number)).all()
    assert list(numbers) == list(range(1, len(numbers) + 1))
    return found


def is_read(stream: Stream, settings: Settings) -> bool:
    return not any(stream.lag(reports_of(settings).group).values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("database", DATABASES)
def test_slow_drift_is_folded_as_if_nobody_had_killed_the_writer(
    database: Callable[[Path], str], tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    calm = chain_in(tmp_path / "calm", sqlite(tmp_path / "calm"))
    calm.write(reports(windows(calm), seed))
    chain = chain_in(tmp_path / "killed", database(tmp_path / "killed"))
    bodies, settings = reports(windows(chain), seed), chain.settings
    size = -(-len(bodies) // KILLS)
    with closing(open_stream(settings.writer_url, settings.writer_partitions)) as stream:
        for turn in range(KILLS):
            worker = Worker(tmp_path, settings, 0, function="writer")
            worker.wait_until_ready()
            some = bodies[turn * size : (turn + 1) * size]
            stream.publish([(_endpoint(each), each) for each in some])
            time.sleep(chance.uniform(0.0, 0.3))  # the moment of the kill is what this test is about
            worker.kill()
        worker = Worker(tmp_path, settings, 0, function="writer")
        deadline = time.monotonic() + 120
        while not is_read(stream, settings):
            assert time.monotonic() < deadline, "the writer does not come to its end"
            time.sleep(0.05)
        worker.stop()
    assert stored(chain) == stored(calm)
    assert any("slow_drift" in each for each in stored(chain)["incidents"])
    for each in (calm, chain):
        each.close()


def _endpoint(body: bytes) -> str:
    envelopes = wire.read_report(body)
    assert isinstance(envelopes[0], wire.Envelope)
    return envelopes[0].endpoint_id
