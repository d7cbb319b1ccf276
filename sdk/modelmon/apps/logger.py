"""A logger that also takes values as keywords, as apps written for MLRun use it."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

_OWN = {"exc_info", "stack_info", "stacklevel", "extra"}


class AppLogger(logging.LoggerAdapter[logging.Logger]):
    """`logger.info("scored", rows=12)` logs `scored {'rows': 12}`; otherwise a plain logger."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        values = {name: value for name, value in kwargs.items() if name not in _OWN}
        rest = {name: value for name, value in kwargs.items() if name in _OWN}
        # A value may hold a per cent sign, which logging would take for its own.
        return (f"{msg} {values!r}".replace("%", "%%") if values else msg), rest

    def debug(self, msg: object, *args: object, **values: Any) -> None:
        self.log(logging.DEBUG, msg, *args, **values)

    def info(self, msg: object, *args: object, **values: Any) -> None:
        self.log(logging.INFO, msg, *args, **values)

    def warning(self, msg: object, *args: object, **values: Any) -> None:
        self.log(logging.WARNING, msg, *args, **values)

    warn = warning

    def error(self, msg: object, *args: object, **values: Any) -> None:
        self.log(logging.ERROR, msg, *args, **values)


def app_logger(application_name: str) -> AppLogger:
    return AppLogger(logging.getLogger(f"modelmon.apps.{application_name}"), {})
