"""What no test leaves behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from modelmon.streams import BACKENDS

RECORDING = "kafka_recording"


@pytest.fixture(autouse=True)
def _no_kafka_client_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every Kafka stream that the test opened in this process is closed at its end."""
    monkeypatch.setitem(BACKENDS, "kafka", (RECORDING, BACKENDS["kafka"][1]))
    yield
    if RECORDING in sys.modules:
        sys.modules[RECORDING].close_all()
