"""A connection to PostgreSQL that gives up a server which accepts everything and answers nothing.

The server's own time-outs don't run while it is frozen, and its system goes on acknowledging what we send.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from psycopg import Connection, OperationalError


class PatientConnection(Connection[Any]):
    """Waits `timeout_seconds` for each answer, then closes itself and raises OperationalError."""

    timeout_seconds = float("inf")

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        return super().wait(self._limited(gen), *arguments, **options)

    def _limited(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same steps; psycopg says now and then that nothing has come (0)."""
        until = time.monotonic() + self.timeout_seconds
        try:
            step = next(steps)
            while True:
                ready = yield step
                if not ready and time.monotonic() > until:
                    self.close()
                    raise OperationalError(f"no answer within {self.timeout_seconds:g} s")
                step = steps.send(ready)
        except StopIteration as end:
            return end.value
