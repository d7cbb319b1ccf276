"""`--from` and `--to` of a command: each mistake names the option that it is of."""

from __future__ import annotations

from datetime import datetime

from modelmon.errors import ConfigError
from modelmon.model import from_us
from modelmon.model_monitoring.written_times import moment_us


def given_span(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """The moments that were given. Raises ConfigError for what is none, and where nothing lies between."""
    first, last = _moment(start, "--from"), _moment(end, "--to")
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"--to: must come after --from, {start}, got {end}")
    return first, last


def _moment(given: str | None, option: str) -> datetime | None:
    return None if given is None else from_us(moment_us(given, option, 0))
