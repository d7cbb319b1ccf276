"""What the service app asks of a window's traffic, judged by past weeks or by limits given: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelmon.apps.service_limits import ServiceLimits
from modelmon.apps.window_traffic import WindowTraffic
from modelmon.counting import count
from modelmon.stats.binomial import least_hits, least_share_seen, share_limit, upper_tail
from modelmon.stats.expected_counts import LEAST_SPANS, ExpectedCount, expect_count

QUESTIONS = ("traffic_missing", "traffic_surplus", "error_share", "slow_requests")
"""Each has an equal part of the budget."""
LOST = "lost_events"
"""Needs no budget: a number that was passed over is no chance."""
MOST_LOST = 0.01
DOUBT = 0.001
"""So likely at most is it that a limit taken from past weeks lies below their true share."""
FLOOR = 0.01
"""What a share of requests may grow by without being worth an alarm: one of a hundred."""
USUALLY_SLOW = 0.05
LEAST_ATTEMPTS = 50
"""A span of fewer requests does not say how bad an hour may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question: its `value`, from which value on it is an alarm (None: from none), whether it is one.

    What it was `compared` with, what was `found`, why the `threshold` is there, what would have been seen
    (`power`); `state`: why there is no verdict, "" where there is one."""

    name: str
    value: float = 0.0
    threshold: float | None = None
    is_broken: bool = False
    compared: str = ""
    found: str = ""
    why: str = ""
    power: str = ""
    state: str = ""
    detail: dict[str, float] = field(default_factory=dict)


def ask(
    now: WindowTraffic, like: Sequence[WindowTraffic], alpha: float, limits: ServiceLimits
) -> list[Answer]:
    """Every question of QUESTIONS, in that order, and LOST.

    `alpha` is the probability of a false alarm that those of QUESTIONS have together.
    """
    each = alpha / len(QUESTIONS)
    shares = [_errors(now, like, each, limits), _slow(now, like, each, limits)]
    return [*_throughput(now, like, each), *shares, _lost(now)]


def _throughput(now: WindowTraffic, like: Sequence[WindowTraffic], alpha: float) -> list[Answer]:
    counts = [_counted(each) for each in like]
    scale = now.estimated_requests / now.requests if now.requests else 1.0
    expected = expect_count(_counted(now), counts, alpha, max(1.0, scale))
    if expected is None:
        state = NO_PAST if len(like) < LEAST_SPANS else "no requests in past weeks"
        came = count(round(_counted(now)), "request")
        found = f"{came}; {len(like)} like windows of past weeks, {LEAST_SPANS} are needed"
        return [Answer(name, found=found, state=state) for name in QUESTIONS[:2]]
    return [_missing(now, like, expected, alpha), _surplus(now, like, expected, alpha)]


def _missing(
    now: WindowTraffic, like: Sequence[WindowTraffic], expected: ExpectedCount, alpha: float
) -> Answer:
    came = _counted(now)
    threshold = 1 - expected.least / expected.expected if expected.least else None
    return Answer(
        QUESTIONS[0],
        max(0.0, 1 - came / expected.expected),
        threshold,
        expected.low <= alpha,
        _past(like),
        f"{count(round(came), 'request')} came, {expected.expected:,.0f} were expected",
        _why_count(f"fewer than {count(round(expected.least), 'request')}", alpha, "few")
        if expected.least
        else TOO_QUIET,
        f"with {_percent(threshold)} of the requests missing it would have been told"
        if threshold
        else TOO_QUIET,
        "" if expected.least else "too few requests",
        {"expected": expected.expected, "least": expected.least},
    )


def _surplus(
    now: WindowTraffic, like: Sequence[WindowTraffic], expected: ExpectedCount, alpha: float
) -> Answer:
    came, most = _counted(now), expected.most / expected.expected - 1
    return Answer(
        QUESTIONS[1],
        max(0.0, came / expected.expected - 1),
        most,
        expected.high <= alpha and now.attempts >= LEAST_ATTEMPTS,
        _past(like),
        f"{count(round(came), 'request')} came, {expected.expected:,.0f} were expected",
        _why_count(f"more than {count(round(expected.most), 'request')}", alpha),
        f"{_percent(most)} more than usual would have been told",
        detail={"expected": expected.expected, "most": expected.most},
    )


def _errors(now: WindowTraffic, like: Sequence[WindowTraffic], alpha: float, limits: ServiceLimits) -> Answer:
    shares = [(each.errors, each.attempts) for each in like]
    said = f"{now.errors:,} of {count(now.attempts, 'request')} failed"
    return _share(
        "error_share", (now.errors, now.attempts), shares, alpha, limits.max_error_share, said, like
    )


def _slow(now: WindowTraffic, like: Sequence[WindowTraffic], alpha: float, limits: ServiceLimits) -> Answer:
    if not now.timed():
        return Answer("slow_requests", found="no request told how long it took", state="no latencies")
    bits = limits.slow_bits if limits.slow_ms is not None else _usual_bits(like)
    if bits is None:
        return Answer("slow_requests", found=_times(now), state=NO_PAST)
    shares = [(each.slower_than(bits), each.timed()) for each in like]
    hits = now.slower_than(bits)
    longer = f"{2**bits / 1_000:,.3g} ms or longer"
    said = f"{hits:,} of {count(now.timed(), 'request')} took {longer}; {_times(now)}"
    most = limits.max_slow_share if limits.slow_ms is not None else None
    return _share("slow_requests", (hits, now.timed()), shares, alpha, most, said, like)


def _lost(now: WindowTraffic) -> Answer:
    if now.lost is None:
        return Answer(LOST, found="no publisher numbers its events", state="no numbers")
    published = now.attempts + now.lost
    value = now.lost / published if published else 0.0
    return Answer(
        LOST,
        value,
        MOST_LOST,
        value >= MOST_LOST,
        "the numbers that publishers gave their events",
        f"{now.lost:,} of {count(published, 'event')} that were published never came ({_percent(value)})",
        f"from {_percent(MOST_LOST)} on; a model server that is killed loses what it has not sent yet",
        "every number that was passed over is counted",
    )


def _usual_bits(like: Sequence[WindowTraffic]) -> int | None:
    """The least power of two, in microseconds, that at most a twentieth of the requests reach."""
    timed = sum(each.timed() for each in like)
    widest = max((len(each.latency_us_histogram) for each in like), default=0)
    if sum(each.timed() >= LEAST_ATTEMPTS for each in like) < LEAST_SPANS:
        return None
    return next(
        bits
        for bits in range(widest + 1)
        if sum(each.slower_than(bits) for each in like) <= USUALLY_SLOW * timed
    )


def _share(
    name: str,
    counted: tuple[int, int],
    shares: Sequence[tuple[int, int]],
    alpha: float,
    most: float | None,
    said: str,
    like: Sequence[WindowTraffic],
) -> Answer:
    """A share of requests, against a limit that was given or that of past weeks."""
    hits, rows = counted
    limit = _past_limit(shares) if most is None else most
    value = hits / rows if rows else 0.0
    if limit is None:
        return Answer(name, value, found=said, state=NO_PAST)
    least = least_hits(rows, limit, alpha)
    compared = _past(like) if most is None else f"a limit of {_percent(most)} that was given"
    can_tell = 0 < least <= rows
    return Answer(
        name,
        value,
        least / rows if can_tell else None,
        upper_tail(hits, rows, limit) <= alpha,
        compared,
        f"{said} ({_percent(value)}), {_percent(limit)} may",
        _why_count(f"{least:,} or more of {rows:,}", alpha) if can_tell else TOO_QUIET,
        f"{_percent(least_share_seen(least, rows))} would have been seen with 90 %"
        if can_tell
        else TOO_QUIET,
        "" if can_tell else "too few requests",
        {"allowed": limit},
    )


def _past_limit(shares: Sequence[tuple[int, int]]) -> float | None:
    """What like windows show: the limit of all of them together, or the worst of them where that is more."""
    spoken = [(hits, rows) for hits, rows in shares if rows >= LEAST_ATTEMPTS]
    if len(spoken) < LEAST_SPANS:
        return None
    together = share_limit(sum(hits for hits, _ in spoken), sum(rows for _, rows in spoken), DOUBT)
    return min(1.0, max(together, *(hits / rows for hits, rows in spoken)) + FLOOR)


NO_PAST = "no past weeks yet"
TOO_QUIET = "so few requests would tell nothing"


def _counted(traffic: WindowTraffic) -> float:
    return traffic.estimated_requests + traffic.errors


def _past(like: Sequence[WindowTraffic]) -> str:
    first = min(each.start for each in like)
    return f"the same time of past weeks: {count(len(like), 'window')} since {first:%Y-%m-%d}"


def _why_count(said: str, alpha: float, many: str = "many") -> str:
    parts = f"the equal part of each of {len(QUESTIONS)} questions"
    return f"{said}: chance alone comes to so {many} in at most 1 of {1 / alpha:,.0f} windows, {parts}"


def _times(now: WindowTraffic) -> str:
    middle, slow = now.percentile_ms(0.5), now.percentile_ms(0.95)
    return f"half took {middle:,.3g} ms or less, 95 % {slow:,.3g} ms or less"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.3g} %"
