"""What a worker keeps from its start to its end, on the object that the platform has for that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.nuclio.heartbeat import StreamPulse, TickPulse

PLACE = "modelmon"


@dataclass(slots=True)
class Kept:
    """`making` becomes the stage. Who drains, closes or hands a message over waits for its `turn`.

    `speaks_as` is the worker's name in the function's health, None where nobody speaks of it. `last_exit` is
    told by a platform that knows how the worker before this one ended. `watching` is held, or it would stop.
    """

    settings: Settings | None = None
    making: asyncio.Future[Any] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    acknowledge: Any = None
    pulse: StreamPulse | TickPulse | None = None
    speaks_as: str | None = None
    watching: asyncio.Future[None] | None = None
    last_exit: str = ""

    async def stage(self) -> Any:
        """The stage, once it is made."""
        return await self.begun()

    def begun(self) -> asyncio.Future[Any]:
        """The making of the stage, which the start has begun."""
        assert self.making is not None, "init_context comes first"
        return self.making

    def known_settings(self) -> Settings:
        """Those that the start has loaded."""
        assert self.settings is not None, "init_context comes first"
        return self.settings


def kept(context: Any) -> Kept:
    """What the worker of this context keeps."""
    found = getattr(context.user_data, PLACE, None)
    if not isinstance(found, Kept):
        found = Kept()
        setattr(context.user_data, PLACE, found)
    return found
