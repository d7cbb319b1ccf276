"""A logger that also takes values as keywords, as apps written for MLRun use it."""

from __future__ import annotations

import logging
from typing import Any

_OWN = {"exc_info", "stack_info", "stacklevel", "extra"}


class AppLogger(logging.LoggerAdapter[logging.Logger]):
    """`logger.info("scored", rows=12)` logs `scored {'rows': 12}`; otherwise a plain logger."""

    def log(self, level: int, msg: object, *args: object, **values: Any) -> None:
        own = {name: values.pop(name) for name in _OWN & values.keys()}
        if values and self.isEnabledFor(level):
            msg, args = f"{str(msg) % args if args else msg} {values!r}", ()
        self.logger.log(level, msg, *args, **own)

    def warn(self, msg: object, *args: object, **values: Any) -> None:
        self.log(logging.WARNING, msg, *args, **values)


def app_logger(application_name: str) -> AppLogger:
    return AppLogger(logging.getLogger(f"modelmon.apps.{application_name}"), {})
