"""Python's `logging` leads to the platform's logger."""

from __future__ import annotations

import logging
from typing import Any

HEARD = ("modelmon", "main")  # from INFO on; other libraries from WARNING on


def bridge_logging(target: Any) -> None:
    """Send everything logged through Python's `logging` to the platform's logger, once."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(target))
    for name in HEARD:
        logging.getLogger(name).setLevel(logging.INFO)


class _Bridge(logging.Handler):
    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target
        # The platform's logger is a Python logger itself: its own records must not come back to it.
        self._own = getattr(getattr(target, "_logger", None), "name", "nuclio_sdk")
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != self._own:
            self._writer(record.levelno)("%s", self.format(record))

    def _writer(self, level: int) -> Any:
        if level >= logging.ERROR:
            return self._target.error
        if level >= logging.WARNING:
            return self._target.warn
        return self._target.info if level >= logging.INFO else self._target.debug
