"""Why a message was not taken."""

from __future__ import annotations

from modelmon.errors import ModelMonError, UnavailableError

LONGEST_REASON = 500


class LaterError(UnavailableError):
    """It may be taken if it is sent again; the other side may have said after how many seconds."""

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason[:LONGEST_REASON])
        self.after_seconds = after_seconds


class RefusedError(ModelMonError):
    """It would be refused again: somebody has to mend the channel."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:LONGEST_REASON])
