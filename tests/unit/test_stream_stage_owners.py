"""Two stages that get one partition in turns, with sleepers, drains and re-deliveries in any order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modelmon.model import Message
from modelmon.stages.stream import StreamStage
from streaming import Bed, event, run

MESSAGES = 14


class Session:
    """What a trigger does for one stage: delivers in order from what was acknowledged when it began."""

    def __init__(self, bed: Bed, stage: StreamStage, log: list[Message]) -> None:
        self._bed = bed
        self.stage = stage
        self._log = log
        self._rest: list[Message] = []

    def begin(self) -> None:
        acknowledged = max((offset for _, offset in self._bed.acknowledged), default=-1)
        self._rest = self._log[acknowledged + 1 :]

    def sleep(self, in_memory: int) -> None:
        """The partition is another's by now; a few messages have been fetched already."""
        self._rest = self._rest[:in_memory]

    async def deliver(self) -> None:
        if self._rest:
            await self.stage.accept(self._rest.pop(0))


async def take_turns(bed: Bed, log: list[Message], chance: random.Random) -> None:
    sessions = [Session(bed, bed.stage(), log) for _ in range(2)]
    owner = sessions[0]
    owner.begin()
    for _ in range(60):
        match chance.choice(("deliver", "deliver", "deliver", "sleeper", "drain", "turn", "anew")):
            case "deliver":
                await owner.deliver()
            case "sleeper":
                await chance.choice(sessions).deliver()
            case "drain":  # a rebalance that leaves the partition where it is
                await chance.choice(sessions).stage.drain()
            case "turn":
                owner.sleep(chance.randrange(4))
                if chance.random() < 0.7:  # else it is not told
                    await owner.stage.drain()
                owner = sessions[1 - sessions.index(owner)]
                owner.begin()
            case "anew":
                owner.begin()
    for session in sessions:
        await session.stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [36, 62, 83, *range(10)])
def test_every_message_is_applied_once_whoever_has_the_partition(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    bed = Bed(tmp_path, batch_max_events=chance.randint(1, 5))
    log = bed.publish(*(event([[float(number)]]) for number in range(MESSAGES)))

    async def steps() -> None:
        await take_turns(bed, log, chance)
        last = Session(bed, bed.stage(), log)
        last.begin()
        for _ in log:
            await last.deliver()
        await last.stage.close()

    run(steps())
    assert sorted(bed.sample().column("f0").to_pylist()) == [float(number) for number in range(MESSAGES)]
    assert bed.table("traffic", "received", "stored") == [(MESSAGES, MESSAGES)]
    assert bed.table("positions", "applied", "open_first") == [(MESSAGES - 1, None)]
    assert max(bed.acknowledged) == (0, MESSAGES - 1)
