"""Python's `logging` leads to the platform's logger."""

from __future__ import annotations

import logging
from typing import Any

HEARD = ("modelmon", "main")  # from INFO on; other libraries from WARNING on


def bridge_logging(target: Any) -> None:
    """Send everything logged through Python's `logging` to the platform's logger, once.

    `extra={"with": {…}}` of a record become its structured fields there.
    """
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
        if record.name == self._own:
            return
        fields, writer = getattr(record, "with", None), _writer(record.levelno)
        if fields:
            getattr(self._target, f"{writer}_with")("%s", self.format(record), **fields)
        else:
            getattr(self._target, writer)("%s", self.format(record))


def _writer(level: int) -> str:
    if level >= logging.ERROR:
        return "error"
    if level >= logging.WARNING:
        return "warn"
    return "info" if level >= logging.INFO else "debug"
