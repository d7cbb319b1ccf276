"""What no test leaves behind, and the function that only those of the page start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from cpu_costs import CpuCosts
from in_memory import TemporaryFilesInMemory
from modelmon.streams import BACKENDS
from quicker import freeze_what_was_imported, share_statements
from repeating import IN_CHECK, examples

RECORDING = "kafka_recording"

os.environ.setdefault("MODELMON_DASHBOARD", "none")  # the processes that a test starts inherit it

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile(
    "any machine", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


share_statements()


def pytest_configure(config: pytest.Config) -> None:
    if IN_CHECK:
        config.pluginmanager.register(CpuCosts())
    if IN_CHECK and not hasattr(config, "workerinput"):  # workers are told by the one that starts them
        config.pluginmanager.register(TemporaryFilesInMemory())


def pytest_collection_finish() -> None:
    freeze_what_was_imported()


@pytest.fixture(autouse=True)
def _no_kafka_client_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every Kafka stream that the test opened in this process is closed at its end."""
    monkeypatch.setitem(BACKENDS, "kafka", (RECORDING, BACKENDS["kafka"][1]))
    yield
    if RECORDING in sys.modules:
        sys.modules[RECORDING].close_all()
