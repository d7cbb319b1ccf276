"""What is wrong with a request, as a status and a sentence."""

from __future__ import annotations

from modelmon.errors import ConfigError, ModelMonError, StoreError


class Problem(ModelMonError):  # noqa: N818 - the word of RFC 9457
    """An answer that is no success: `status`, the reason in words, and the parameter that is wrong."""

    def __init__(self, status: int, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.field = field


def refused(error: ConfigError, status: int, field: str = "") -> ModelMonError:
    """What is wrong with what was asked for; a store that is broken is no fault of the one who asks."""
    return error if isinstance(error, StoreError) else Problem(status, str(error), field)
