"""A real MLRun model server with tracking on feeds our stream function unchanged: we find its drift."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chain_platforms import on_kafka
from deploying import eventually
from modelmon.cli.status import read_status
from modelmon.local import Runner
from modelmon.model_monitoring import get_or_create_model_endpoint
from modelmon.project import get_or_create_project
from modelmon.settings import Settings
from modelmon.streams import open_stream
from modelmon.views.encoding import to_json
from modelmon.wire import ServingEvent, write_event
from services import kafka
from services.mlrun import MLRunServer

pytestmark = [*kafka.NEEDS_KAFKA, pytest.mark.slow, pytest.mark.timeout(1200)]

UIDS = {"moved": "0123456789abcdef0123456789abcdef", "calm": "fedcba9876543210fedcba9876543210"}
SHIFT = {"moved": 3.0, "calm": 0.0}
ROWS = 20
HOUR_US = 3_600_000_000
DETECTED, CALM = 2, 0


def frame(rows: int, seed: int) -> pd.DataFrame:
    features = pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 2)), columns=["a", "b"])
    return features.assign(total=features["a"] + features["b"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project whose endpoints are MLRun's: their ids are known, their reference is the training set."""
    project = get_or_create_project(
        "flights", context=tmp_path / "project", **on_kafka(kafka.shared_broker()), base_period=1,
        durability="process", grace_seconds=0.5, controller_interval_seconds=0.5, flush_after_seconds=0.2,
    )  # fmt: skip
    project.enable_model_monitoring(base_period=1)
    project.log_model("sum", body=b"sum", training_set=frame(2000, 1), label_column="total")
    for name, uid in UIDS.items():
        get_or_create_model_endpoint(
            project, model_path="sum", model_endpoint_name=name, endpoint_id=uid, function_name="serving"
        )
    return Settings.load(tmp_path / "project")


def history(settings: Settings) -> None:
    """A request of an hour ago for each model: so no window of now is the one that their data begin in."""
    stream = open_stream(settings.events_url, settings.events_partitions, settings)
    when_us = time.time_ns() // 1000 - HOUR_US
    for name, uid in UIDS.items():
        event = ServingEvent(
            uid, name, "flights/serving", "Sum", "", "old", when_us, 1, [[0.0, 0.0]], [[0.0]]
        )
        stream.publish([(uid, write_event(event))])
    stream.close()


def requests(name: str) -> Iterator[Sequence[Sequence[float]]]:
    random = np.random.default_rng(sorted(UIDS).index(name))
    while True:
        yield (random.normal(size=(ROWS, 2)) + SHIFT[name]).tolist()


def verdicts(settings: Settings) -> dict[str, dict[str, Any]]:
    """The first verdict that is one (not irrelevant) on each model's inputs."""
    found = read_status(settings, since=datetime(2000, 1, 1, tzinfo=UTC))
    results = [each for each in to_json(found.results) if each["result_name"] == "feature_drift"]
    return {each["endpoint_name"]: each for each in reversed(results) if each["result_status"] >= 0}


def test_what_an_mlrun_server_tracks_is_stored_and_its_drift_is_found(
    settings: Settings, tmp_path: Path
) -> None:
    history(settings)
    sent = dict.fromkeys(UIDS, 1)
    asked = {name: requests(name) for name in UIDS}
    brokers, _, topic = settings.events_url.removeprefix("kafka://").partition("/")
    with Runner(settings.project_dir, tell=lambda level, text: None) as runner:
        runner.wait_until_ready()
        with MLRunServer(brokers, topic, UIDS, tmp_path) as server:

            def serve() -> dict[str, dict[str, Any]]:
                for name, rows in ((name, next(asked[name])) for name in UIDS):
                    assert server.infer(name, rows) == pytest.approx([sum(row) for row in rows])
                    sent[name] += ROWS
                return verdicts(settings)

            found = eventually(serve, lambda found: len(found) == len(UIDS), within=300, every=1.0)
        eventually(lambda: stored(settings), lambda rows: rows == sent, within=60, every=0.5)
    assert {name: each["result_status"] for name, each in found.items()} == {"moved": DETECTED, "calm": CALM}
    print(f"\nMLRun's server: rows sent {sent}, stored {stored(settings)}")


def stored(settings: Settings) -> dict[str, int]:
    return {each.endpoint_name: each.stored for each in read_status(settings).endpoints}
