"""What a function on Kafka says of itself while its broker is gone, or takes no acknowledgements."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from chain import Chain
from chain_platforms import OnProcessors, OnRunner, chain_on
from deploying import HTTP, eventually
from modelmon.cli import app
from services import kafka
from services.install import KAFKA_4_VERSION
from services.nuclio import NEEDS_NUCLIO

pytestmark = [*kafka.needs_kafka("kafka-health"), pytest.mark.slow, pytest.mark.timeout(600)]

STREAM = "modelmon-stream"


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[kafka.KafkaBroker]:
    made = kafka.KafkaBroker(*getattr(request, "param", ()))
    made.start()
    yield made
    made.stop()


def with_health(chain: Chain) -> Chain:
    """The stream function has an HTTP trigger, as Nuclio gives one to every function."""
    path = chain.project / ".modelmon" / "functions" / STREAM / "function.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["spec"]["triggers"]["health"] = HTTP
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return chain


def asked(chain: Chain) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["health", STREAM, "--json", "--project-dir", str(chain.project)])
    function: dict[str, Any] = json.loads(result.stdout)["functions"][0]
    return function


def test_a_broker_that_is_gone_is_named_until_it_is_back(broker: kafka.KafkaBroker, tmp_path: Path) -> None:
    chain = chain_on(broker, tmp_path / "project", heartbeat_seconds=0.5)
    with OnRunner(chain.project):
        chain.publish(chain.events(100))
        eventually(lambda: asked(chain), lambda found: found["state"] == "ready", within=60)
        broker.kill()
        found = eventually(lambda: asked(chain), lambda found: found["state"] == "waiting", within=90)
        assert f"127.0.0.1:{broker.port}" in found["reason"]
        assert not found["healthy"]
        broker.start()
        eventually(lambda: asked(chain), lambda found: found["state"] == "ready", within=90)


@pytest.mark.parametrize("platform", [pytest.param(OnProcessors, id="processor", marks=NEEDS_NUCLIO)])
@pytest.mark.parametrize("broker", [pytest.param((KAFKA_4_VERSION,), id="kafka-4")], indirect=True)
def test_acknowledgements_that_kafka_4_does_not_take_from_nuclio_are_named(
    broker: kafka.KafkaBroker, platform: type[OnProcessors], tmp_path: Path
) -> None:
    chain = with_health(chain_on(broker, tmp_path / "project", heartbeat_seconds=1.0))
    with platform(chain.project) as running:
        chain.publish(chain.events(100))
        started = time.monotonic()

        def health() -> dict[str, Any]:
            found: dict[str, Any] = httpx.get(f"http://{running.address(STREAM)}/health", timeout=10).json()
            return found

        found = eventually(health, lambda found: found["state"] == "not committing", within=120, every=0.5)
    assert "Nuclio 1.14 can't commit to Kafka 4" in found["reason"]
    # The controller's clock messages are acknowledged too.
    assert sum(each["acknowledged"] or 0 for each in found["partitions"]) >= 100
    assert not any(each["committed"] for each in found["partitions"])
    print(f"\nnamed after {time.monotonic() - started:.0f} s: {found['reason']}")
