"""Actuals through Kafka, on the embedded runner and on real processors: nothing lost, nothing twice.

They come before and after their predictions, again, and corrected, by the stream and by POST, while the
stream function is ended by `kill -9`. In the end each prediction stands beside the newest of its actuals.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain import ENDPOINT, FAR_US, Chain
from chain_platforms import PLATFORMS, ChainPlatform, chain_on
from deploying import eventually
from ledger_rows import counts_of_actuals
from modelmon.function_spec.folders import template
from modelmon.ledger.records import open_records
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.wire import Actuals, write_actuals
from repeating import times
from services import kafka

pytestmark = [
    pytest.mark.xdist_group("chain"),
    *kafka.NEEDS_KAFKA,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

EVENTS, PIECES = 1_200, 12
KILLS = times(10, few=3)
PATIENCE_SECONDS = 180.0
API = "modelmon-api"


class Truth:
    """What came true, as it is told: `newest` is what each prediction has to stand beside."""

    def __init__(self, chain: Chain, seed: int) -> None:
        self._chain, self._random = chain, random.Random(seed)
        self.newest: dict[str, float] = {}
        self.told = 0

    def _batch(self, upto: int) -> tuple[list[str], list[float]]:
        """Of requests that were, of some that are to come, and of the same once more: corrections."""
        ids = [f"r{number}" for number in self._random.sample(range(min(EVENTS, upto + 60)), 40)]
        values = [float(self.told + place) for place in range(len(ids))]
        self.told += len(ids)
        self.newest.update(zip(ids, values, strict=True))
        return ids, values

    def tell(self, upto: int) -> None:
        """On the stream, twice: whoever publishes may not know that the first one arrived."""
        ids, values = self._batch(upto)
        body = write_actuals(Actuals(ENDPOINT, {"p": values}, ids, [0] * len(ids)))
        self._chain.stream.publish([(ENDPOINT, body)])
        self._chain.stream.publish([(ENDPOINT, body)])
        self.told += len(ids)

    def post(self, address: str, upto: int) -> None:
        """By REST, which answers once the stream has them."""
        ids, values = self._batch(upto)
        body = {"endpoint": ENDPOINT, "request_ids": ids, "rows": [0] * len(ids), "columns": {"p": values}}
        answer = httpx.post(f"http://{address}/api/v1/projects/chain/actuals", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rows"] == len(ids)


def with_api(chain: Chain) -> None:
    """The function of the page and the API beside the others."""
    folder = chain.project / ".modelmon" / "functions" / API
    shutil.copytree(template("api"), folder)


def joined(chain: Chain) -> dict[str, float | None]:
    """Each stored prediction with what came true for it."""
    database = open_records(chain.settings)
    stores = open_samples(chain.settings), open_actuals(chain.settings)
    table = read_sample(database, stores[0], ENDPOINT, 0, FAR_US, actuals=stores[1])
    database.close()
    ids, values = (table[name].to_pylist() for name in ("request_id", "actual.p"))
    assert len(set(ids)) == len(ids)
    return dict(zip(ids, values, strict=True))


def counted(chain: Chain) -> tuple[int, ...]:
    database = open_records(chain.settings)
    with database.read() as connection:
        found = counts_of_actuals(connection)
    database.close()
    return found[0] if found else (0, 0, 0, 0)


def is_told(chain: Chain, truth: Truth) -> bool:
    return counted(chain)[0] == truth.told and len(chain.state().requests) == EVENTS


def check(chain: Chain, truth: Truth) -> None:
    expected: dict[str, Any] = {f"r{number}": None for number in range(EVENTS)}
    assert joined(chain) == expected | truth.newest
    received, stored, waiting, expired = counted(chain)
    assert (received, stored, waiting, expired) == (truth.told, truth.told, 0, 0)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_actuals_find_their_predictions_through_kafka_while_the_stream_function_is_killed(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    chain = chain_on(kafka.shared_broker(), tmp_path / "project")
    with_api(chain)
    truth, chance = Truth(chain, 5), random.Random(11)
    records, size = list(chain.events(EVENTS)), EVENTS // PIECES
    with platform(chain.project) as running:
        for piece in range(PIECES):
            truth.tell(piece * size)  # before their predictions, as far as these are to come
            chain.publish(records[piece * size : (piece + 1) * size])
            truth.post(running.address(API), (piece + 1) * size)
            if piece < KILLS:
                workers = eventually(lambda: running.workers("modelmon-stream"), within=PATIENCE_SECONDS)
                time.sleep(chance.uniform(0.0, 0.4))  # the moment of the kill is what this test is about
                os.kill(chance.choice(workers), signal.SIGKILL)
        eventually(lambda: is_told(chain, truth), within=PATIENCE_SECONDS, every=1.0)
    check(chain, truth)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_actuals_that_nothing_reads_wait_on_the_stream_and_none_is_lost_at_a_rebalance(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    chain = chain_on(kafka.shared_broker(), tmp_path / "project")
    truth, records = Truth(chain, 9), list(chain.events(EVENTS))
    for upto in range(0, EVENTS, 200):
        truth.tell(upto)  # all of it before anybody reads
    with platform(chain.project) as running:
        chain.publish(records[: EVENTS // 2])
        running.add_replica()
        truth.tell(EVENTS)
        chain.publish(records[EVENTS // 2 :])
        running.remove_replica(signal.SIGKILL)
        truth.tell(EVENTS)
        eventually(lambda: is_told(chain, truth), within=PATIENCE_SECONDS, every=1.0)
    check(chain, truth)
