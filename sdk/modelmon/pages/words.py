"""Numbers, times and states as people read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from modelmon.counting import named

NOTHING = "–"
_QUOTED = re.compile("`([^`]+)`")
_MARKS = {
    "no detection": "●", "suspected": "▲", "detected": "◆", "failed": "✕", "unavailable": "✕",
    "incomplete": "◐", "warming up": "◌", "waiting": "◌", "no verdict": "◌", "no data": NOTHING,
    "being deleted": "✕", "failing": "✕", "calm": "●", "partial": "◐", "silent": NOTHING,
    "running": "●", "behind": "▲", "not running": "✕", "open": "◆", "ended": "●",
}  # fmt: skip


def moment(time: datetime | None, form: str = "%Y-%m-%d %H:%M") -> Markup:
    """A time as UTC says it; our module shows it in the reader's zone, with UTC on hover.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 11, 30, 8, 0, tzinfo=UTC))
    Markup('<time datetime="2026-11-30T08:00:00Z">2026-11-30 08:00</time>')
    """
    if time is None:
        return escape(NOTHING)
    return Markup('<time datetime="{}">{}</time>').format(f"{time:%Y-%m-%dT%H:%M:%SZ}", time.strftime(form))


def number(value: float | None, digits: int = 3) -> str:
    """With so many significant digits; whole numbers with thousands apart.

    >>> number(1234567), number(0.123456), number(1e-7), number(None), number(float("nan"))
    ('1,234,567', '0.123', '1e-07', '–', '–')
    """
    if value is None or value != value:
        return NOTHING
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def counted(value: float | None, one: str) -> str:
    """A number of what `one` is called.

    >>> counted(1, "row"), counted(1200, "more window"), counted(None, "row")
    ('1 row', '1,200 more windows', '– rows')
    """
    return f"{number(value)} {named(value or 0, one)}"


def share(part: float | None, whole: float | None = 1) -> str:
    """Of a whole, in per cent.

    >>> share(1, 8), share(0, 8), share(1, 100_000), share(1, 0)
    ('12.5 %', '0 %', '< 0.1 %', '–')
    """
    if part is None or not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.1f}".removesuffix(".0") + " %"


def duration(time: timedelta | None) -> str:
    """In the largest unit that fits.

    >>> duration(timedelta(seconds=90)), duration(timedelta(days=3, hours=2)), duration(timedelta(0))
    ('1.5 min', '3.1 d', '0 s')
    """
    if time is None:
        return NOTHING
    seconds = time.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= length:
            return f"{number(round(seconds / length, 1))} {unit}"
    return f"{number(seconds, 2)} s"


def mark(state: str) -> str:
    """The sign of a state: never by colour alone."""
    return _MARKS.get(state, "●")


def path(text: str) -> Markup:
    """Of an address, which may break after each of its slashes and nowhere else.

    >>> path("/api/{a}")
    Markup('/<wbr>api/<wbr>{a}')
    """
    return Markup("/<wbr>").join(text.split("/"))


def quoting(text: str) -> Markup:
    """A sentence in which names stand in backticks.

    >>> quoting("`a<b` missing 8 %")
    Markup('<code>a&lt;b</code> missing 8 %')
    """
    parts = enumerate(_QUOTED.split(text))  # every second one is a name
    return Markup().join(
        Markup("<code>{}</code>").format(each) if place % 2 else each for place, each in parts
    )


def stream_name(url: str) -> str:
    """Of a stream's address: no part of it may hold a password.

    >>> stream_name("kafka://broker:9092/events")
    'events'
    """
    return url.rpartition("/")[2]


def state_class(state: str) -> str:
    """The class of a state in the style sheet.

    >>> state_class("no data")
    'state-no-data'
    """
    return f"state-{state.replace(' ', '-').replace('_', '-')}"


def cell(value: object) -> str | Markup:
    """A value of a row: numbers to six digits, the file has them whole.

    >>> cell(None), cell(0.1 + 0.2), cell(12345678), cell(b"\\x00"), cell("x")
    ('–', '0.3', '12345678', '00', 'x')
    """
    if isinstance(value, datetime):
        return moment(value, "%Y-%m-%d %H:%M:%S")
    if isinstance(value, bytes):
        return value.hex()
    if value is None or value != value:
        return NOTHING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def verdict(status: int | None) -> str:
    """The state that a status of a result stands for; "" of a metric, which has none.

    >>> verdict(2), verdict(0), verdict(-1), verdict(None)
    ('detected', 'no detection', 'no verdict', '')
    """
    names = {0: "no detection", 1: "suspected", 2: "detected"}
    return "" if status is None else names.get(status, "no verdict")
