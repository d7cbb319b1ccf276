"""MLRun's stream function on a file of events, for its own interpreter: CPU seconds, and rows written.

What runs is MLRun's: its graph, one event at a time as a Nuclio worker gives them, and its Parquet target
with its defaults. Its service answers from memory, there is no TSDB, it logs errors only: in its favour.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

warnings.filterwarnings("ignore")
os.environ["MLRUN_LOG_LEVEL"] = "ERROR"
logging.disable(logging.WARNING)

import mlrun  # noqa: E402
from mlrun.model_monitoring import stream_processing  # noqa: E402
from mlrun.serving.server import MockEvent, create_graph_server  # noqa: E402

PROJECT, MOST_EVENTS, FLUSH_SECONDS = "bench", 10_000, 30


class Known:
    """An endpoint as MLRun's service tells it."""

    def __init__(self, uid: str, features: int) -> None:
        self._record = {
            "uid": uid, "feature_names": [f"f{number}" for number in range(features)], "label_names": ["p0"],
            "endpoint_type": 1, "first_request": "2023-11-14 00:00:00+00:00",
        }  # fmt: skip

    def flat_dict(self) -> dict[str, Any]:
        return self._record


class Service:
    """MLRun's service, as far as the stream function asks it."""

    def __init__(self, features: int) -> None:
        self._features = features

    def get_model_endpoint(self, *_: Any, endpoint_id: str, **__: Any) -> Known:
        return Known(endpoint_id, self._features)

    def patch_model_endpoint(self, **_: Any) -> None:
        pass


class NoTsdb:
    """In place of a time-series database."""

    def handle_model_error(self, *_: Any, **__: Any) -> None:
        pass

    def apply_monitoring_stream_steps(self, *_: Any, **__: Any) -> None:
        pass


class Trigger:
    kind, name = "kafka-cluster", "kafka"


async def seconds(bodies: list[bytes], folder: str) -> float:
    """CPU seconds from the first event to the last file."""
    function = mlrun.new_function("stream", kind="serving", project=PROJECT, image="mlrun/mlrun")
    processor = stream_processing.EventStreamProcessor(PROJECT, MOST_EVENTS, FLUSH_SECONDS, folder)
    processor.apply_monitoring_serving_graph(function, NoTsdb(), "dummy://controller", "dummy://stream")
    server = create_graph_server(
        parameters=function.spec.parameters, graph=function.spec.graph, current_function="*",
        function_uri=function._function_uri(), project=PROJECT,
    )  # fmt: skip
    server.init_states(context=None, namespace=[stream_processing], logger=mlrun.utils.logger, is_mock=False)
    server.context.trigger = Trigger.kind
    server.init_object([stream_processing])
    began = time.process_time()
    for body in bodies:
        await resolved(server.run(MockEvent(body, trigger=Trigger)))
    await resolved(server.graph._controller.terminate(wait=True))
    return time.process_time() - began


async def resolved(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value


def main(path: str, features: int) -> None:
    bodies = [line.encode() for line in Path(path).read_text().splitlines()]
    mlrun.db.get_run_db = lambda *_, **__: Service(features)
    for some in (bodies[: len(bodies) // 10], bodies):  # the first warms up
        with TemporaryDirectory() as folder:
            taken = asyncio.run(seconds(some, folder))
            rows = sum(rows_of(each) for each in Path(folder).rglob("*.parquet"))
    print(json.dumps({"seconds": taken, "rows": rows}))


def rows_of(path: Path) -> int:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).metadata.num_rows


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
