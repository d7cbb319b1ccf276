"""What rules can measure by the clock, in what unit, and over how long where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelmon.counting import are, named, were
from modelmon.model import HOUR_US

ENDPOINT, FUNCTION, PROJECT = "endpoint", "function", "project"


@dataclass(frozen=True, slots=True)
class Measure:
    """`unit` is one of count, share, seconds; `over_us` 0: it is of now, over no stretch of time. It is
    measured `of` each endpoint, of each function, or of the project as a whole. `said` is what is told of a
    value, of a count with what `one` is called."""

    said: str
    unit: str
    over_us: int = 0
    of: str = ENDPOINT
    one: str = ""

    def words(self, value: float, over_us: int, limit: str = "{}") -> str:
        """What is told of a value; with `limit` of more or less than it.

        >>> MEASURES["error_share"].words(0.051, HOUR_US), MEASURES["silent"].words(7260, 0)
        ('5.1 % of requests failed in 1 h', 'nothing came for 2 h 1 min')
        >>> MEASURES["dead_letters"].words(1, HOUR_US), MEASURES["lag"].words(1204, 0, "more than {}")
        ('1 message was set aside in 1 h', 'more than 1,204 messages are not read yet')
        """
        number = round(value)
        said = limit.format(in_unit(value, self.unit)) + (f" {named(number, self.one)}" if self.one else "")
        over = in_unit(over_us / 1e6, "seconds")
        return self.said.format(value=said, over=over, are=are(number), were=were(number))


SILENCES = ("silent", "silent_alone")
MEASURES: Mapping[str, Measure] = {
    "silent": Measure("nothing came for {value}", "seconds"),
    "silent_alone": Measure("nothing came for {value}, while others had requests", "seconds"),
    "requests": Measure("{value} in {over}", "count", HOUR_US, one="request"),
    "requests_of_usual": Measure(
        "{value} of the requests of the same time in past weeks, in {over}", "share", HOUR_US
    ),
    "error_share": Measure("{value} of requests failed in {over}", "share", HOUR_US),
    "latency_p95": Measure("95 % of requests took up to {value}, in {over}", "seconds", HOUR_US),
    "late_share": Measure("{value} of rows came late, in windows that ended in {over}", "share", HOUR_US),
    "missing_events": Measure(
        "{value} {are} missing by their numbers, in {over}", "count", HOUR_US, one="event"
    ),
    "schema_changes": Measure("{value} of the columns in {over}", "count", 24 * HOUR_US, one="change"),
    "lag": Measure("{value} {are} not read yet", "count", of=PROJECT, one="message"),
    "behind": Measure("messages wait for {value}", "seconds", of=PROJECT),
    "dead_letters": Measure("{value} {were} set aside in {over}", "count", HOUR_US, PROJECT, "message"),
    "not_running": Measure("not heard of for {value}", "seconds", of=FUNCTION),
}
_LENGTHS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def in_unit(value: float, unit: str) -> str:
    """A value as it is told.

    >>> in_unit(0.5, "seconds"), in_unit(90_061, "seconds"), in_unit(0.051, "share"), in_unit(1204, "count")
    ('500 ms', '1 d 1 h', '5.1 %', '1,204')
    """
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit == "count":
        return f"{value:,.0f}"
    if value < 1:
        return f"{1_000 * value:.0f} ms"
    return _length(value)


def _length(seconds: float) -> str:
    """In the two largest units that say something."""
    left = round(seconds, 1) if seconds < 60 else round(seconds)
    said: list[str] = []
    for name, length in _LENGTHS:
        whole = left // length if length > 1 else left
        if whole and len(said) < 2:
            said.append(f"{whole:g} {name}")
        elif said:
            break
        left -= whole * length
    return " ".join(said)
