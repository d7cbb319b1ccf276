"""What a worker says: its log to its file, warnings and readiness to the supervisor as JSON lines."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import msgspec
from nuclio_sdk import Logger

LOGGER = "nuclio_sdk"
FIELDS = "with"  # where the platform's logger keeps a record's structured fields
MAX_LINE_BYTES = 4096  # a pipe takes this much whole or not at all, whoever else writes into it
MAX_MESSAGE_CHARACTERS = 600


class WorkerReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line to the supervisor. `level` is "" when the worker says that it is ready.

    `is_incident`: the message is of an incident of a model, and not a trouble of the function. `is_last`: it
    says why the worker ends.
    """

    function: str
    trigger: str
    worker: int
    pid: int
    level: str = ""
    message: str = ""
    is_incident: bool = False
    is_last: bool = False


class Reporter:
    """Writes reports into the pipe that the supervisor reads; drops them when it does not keep up."""

    def __init__(self, pipe: int, function: str, trigger: str, worker: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._source = (function, trigger, worker, os.getpid())

    def ready(self) -> None:
        self._write(WorkerReport(*self._source))

    def warn(self, level: str, message: str, *, is_incident: bool = False, is_last: bool = False) -> None:
        self._write(
            WorkerReport(*self._source, level, message[:MAX_MESSAGE_CHARACTERS], is_incident, is_last)
        )

    def _write(self, report: WorkerReport) -> None:
        line = msgspec.json.encode(report) + b"\n"
        if len(line) <= MAX_LINE_BYTES:
            try:
                os.write(self._pipe, line)
            except (BlockingIOError, BrokenPipeError):
                return  # the function's log has it


def make_logger(reporter: Reporter) -> Any:
    """A nuclio_sdk Logger: everything from INFO on to stdout, from WARNING on to the supervisor too."""
    made = Logger(logging.INFO, LOGGER)
    made.set_handler("default", sys.stdout, _Lines())
    logging.getLogger(LOGGER).addHandler(_Warnings(reporter))
    return made


class _Lines(logging.Formatter):
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, None)
        more = f" {fields}" if fields else ""
        text = f"{self.formatTime(record)} {record.levelname.lower():7} {record.getMessage()}{more}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Warnings(logging.Handler):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        first_line = record.getMessage().partition("\n")[0]
        is_incident = "incident" in getattr(record, FIELDS, {})
        self._reporter.warn(record.levelname.lower(), first_line, is_incident=is_incident)
