"""Events from the HTTP server's thread to the function's, one in flight, and the answers back."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Any, NamedTuple

from modelmon.local.handler_output import HandlerAnswer, answer_of, failed
from modelmon.local.worker import Worker

NO_WORKER = HandlerAnswer(503, b"", "text/plain", {})


class _Turn(NamedTuple):
    event: Any
    answer: asyncio.Future[HandlerAnswer]
    waiting: asyncio.TimerHandle


class Turns:
    """`take` is called in the server's loop, everything of the function's in `loop`.

    Each side wakes the other only when it is not awake already: a change of threads costs more than a
    small request.
    """

    def __init__(self, worker: Worker, wait_seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._wait_seconds = wait_seconds
        self._function, self._server = loop, loop
        self._lock = threading.Lock()  # of what is asked, and whether somebody works on it
        self._asked: deque[_Turn] = deque()
        self._is_working = False
        self._answered: deque[tuple[_Turn, HandlerAnswer]] = deque()
        self._is_passing_on = False

    async def take(self, event: Any) -> HandlerAnswer:
        """The answer to the event; NO_WORKER when its turn does not come in time."""
        loop = self._server = asyncio.get_running_loop()
        answer: asyncio.Future[HandlerAnswer] = loop.create_future()
        turn: _Turn = _Turn(event, answer, loop.call_later(self._wait_seconds, lambda: self._give_up(turn)))
        with self._lock:
            self._asked.append(turn)
            is_asleep, self._is_working = not self._is_working, True
        if is_asleep:
            self._function.call_soon_threadsafe(self._wake)
        return await answer

    def _give_up(self, turn: _Turn) -> None:
        with self._lock:
            if turn not in self._asked:
                return  # it has its turn
            self._asked.remove(turn)
        turn.answer.set_result(NO_WORKER)

    def _pass_on(self) -> None:
        self._is_passing_on = False
        while self._answered:
            turn, answer = self._answered.popleft()
            turn.waiting.cancel()
            turn.answer.set_result(answer)

    # In the function's loop

    def _wake(self) -> None:
        self._working = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while (turn := self._next()) is not None:
            self._answered.append((turn, await self._answer(turn.event)))
            if not self._is_passing_on:
                self._is_passing_on = True
                self._server.call_soon_threadsafe(self._pass_on)

    def _next(self) -> _Turn | None:
        with self._lock:
            self._is_working = bool(self._asked)
            return self._asked.popleft() if self._asked else None

    async def _answer(self, event: Any) -> HandlerAnswer:
        output = await self._worker.deliver(event)
        try:
            return answer_of(output)
        except Exception as error:  # seam: what the user's handler returned
            self._worker.context.logger.error("the handler's answer can't be sent: %s", error)
            return answer_of(failed(error))
