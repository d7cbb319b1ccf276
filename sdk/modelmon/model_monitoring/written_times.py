"""Times as people write them in a call or on the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from modelmon.errors import ConfigError, RejectedError
from modelmon.model import to_us
from modelmon.wire import read_moment

DAY = re.compile(r"\d{4}-\d\d-\d\d")
Time = date | str | None


def moment_us(moment: Time, argument: str, default: int) -> int:
    """Microseconds of a datetime, a day or an ISO text, without offset UTC; `default` for None.

    Raises ConfigError that names the argument.
    """
    if moment is None:
        return default
    if isinstance(moment, datetime) and moment == moment:  # NaT is a datetime unequal to itself
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    text = moment.isoformat() if isinstance(moment, date) else moment
    if isinstance(text, str) and DAY.fullmatch(text):
        text += " 00:00:00"
    try:
        return read_moment(text, argument)
    except RejectedError as error:
        raise ConfigError(str(error)) from error
