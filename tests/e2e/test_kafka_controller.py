"""The controller, killed when its windows are on the apps' stream and not yet recorded as sent."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from chain import APP, State
from chain_platforms import PLATFORMS, ChainPlatform, chain_on
from deploying import eventually
from modelmon import wire
from modelmon.model import Message
from modelmon.streams import open_stream
from modelmon.windows import WindowState
from services import kafka

pytestmark = [*kafka.NEEDS_KAFKA, pytest.mark.slow, pytest.mark.timeout(900)]

CONTROLLER = "modelmon-controller"
HITS, MINUTES, PER_MINUTE = 10, 55, 20  # a chain begins an hour ago


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_controller_killed_between_publish_and_record_repeats_and_loses_nothing(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    chain = chain_on(
        kafka.shared_broker(),
        tmp_path / "project",
        minutes=MINUTES,
        controller_interval_seconds=0.1,
        durability="power",
    )
    records = list(chain.events(MINUTES * PER_MINUTE))
    windows = open_stream(chain.settings.app_url(APP), settings=chain.settings)
    seen = windows.consumer("test")
    killed: set[int] = set()
    kills = hits = 0
    with platform(chain.project) as running:
        while records and hits < HITS:
            piece, records = records[:PER_MINUTE], records[PER_MINUTE:]
            workers = eventually(lambda: set(running.workers(CONTROLLER)) - killed, within=60)
            chain.publish(piece)
            sent = eventually(lambda: seen.poll(1000, 0.2), within=60, every=0.0)
            for worker in workers:
                with suppress(ProcessLookupError):  # a real processor ends its workers when it has lost one
                    os.kill(worker, signal.SIGKILL)
            killed.update(workers)
            kills += 1
            hits += is_unrecorded(chain.state(), sent[-1])
        chain.publish(records)
        state = eventually(chain.state, is_answered, within=120, every=1.0)
    seen.close()
    windows.close()
    twice = sum(times - 1 for times in state.requests.values())
    sent, stored = MINUTES * PER_MINUTE, len(state.requests)
    print(
        f"\nkilled {kills} times, {hits} of them between publish and record, {platform.name}: sent {sent}, "
        f"stored {stored}, twice {twice}, lost {sent - stored}"
    )
    assert hits >= HITS
    state.assert_each_event_counts_once(MINUTES * PER_MINUTE)
    state.assert_every_window_is_answered(MINUTES)


def is_unrecorded(state: State, message: Message) -> bool:
    """Whether the ledger does not know yet that this window was sent."""
    event = wire.read_app_event(message.body)
    (window,) = [each for each in state.windows if each.start_infer_time == event.window.start]
    return window.state is WindowState.WAITING


def is_answered(state: State) -> bool:
    return len(state.windows) == state.answered == MINUTES
