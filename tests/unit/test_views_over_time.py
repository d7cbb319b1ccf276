"""Traffic, metrics and dead letters over time, as pages ask for them: bounded, in buckets, in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.ledger import dead_letters
from modelmon.model import MINUTE_US, BatchRange, DeadLetter, TrafficPoint, from_us
from modelmon.views.buckets import bucket_us
from modelmon.views.dead_letters import list_dead_letters
from modelmon.views.encoding import to_json
from modelmon.views.history import read_point_buckets
from modelmon.views.traffic import percentile_us, read_traffic_buckets
from unit.window_support import E1, Chain, at, done, metric, result

YEARS_US = 10**16


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


@given(st.integers(0, YEARS_US), st.integers(1, YEARS_US), st.integers(2, 1_000))
def test_no_span_has_more_buckets_than_asked_for(start_us: int, length_us: int, most: int) -> None:
    long_us, end_us = bucket_us(start_us, start_us + length_us, most), start_us + length_us
    assert -(-end_us // long_us) - start_us // long_us <= most
    assert long_us % MINUTE_US == 0


@given(st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_right_to_its_half_or_double(latencies: list[int], share: float) -> None:
    histogram = [0] * 25
    for latency in latencies:
        histogram[latency.bit_length()] += 1
    place = max(0, -(-len(latencies) * share // 1) - 1)
    exact = sorted(latencies)[int(place)]
    found = percentile_us(histogram, share, max(latencies))
    assert exact / 2 <= found <= max(exact * 2, 0)


def test_traffic_comes_in_buckets_with_exact_sums(chain: Chain) -> None:
    batch = BatchRange("s", 0, 0, 9)
    points = [
        TrafficPoint(
            E1, at(minute), predictions=2, rows=20, errors=minute % 2, estimated_predictions=4.0,
            latency_count=2, latency_us_sum=3_000, latency_us_max=2_000,
            latency_us_histogram=(0,) * 10 + (1, 1),
        )
        for minute in range(120)
    ]  # fmt: skip
    chain.series.write_traffic(batch, points)
    span = from_us(at(0)), from_us(at(120))
    buckets = read_traffic_buckets(chain.database, chain.series, E1, *span, most=5)
    assert 2 <= len(buckets) <= 5
    assert sum(each.requests for each in buckets) == 240
    assert (sum(each.rows for each in buckets), sum(each.errors for each in buckets)) == (2_400, 60)
    assert buckets[0].latency.mean_ms == 1.5
    assert buckets[0].latency.p50_ms <= buckets[0].latency.p95_ms <= buckets[0].latency.highest_ms == 2.0
    minutes = read_traffic_buckets(chain.database, chain.series, E1, *span)
    assert len(minutes) == 120
    assert to_json(minutes[0])["start"] == "2023-11-14 22:20:00.000000+00:00"


def test_a_bucket_in_which_no_request_told_its_latency_has_none(chain: Chain) -> None:
    point = TrafficPoint(E1, at(0), predictions=1, rows=1, latency_us_histogram=(0,))
    chain.series.write_traffic(BatchRange("s", 0, 0, 0), [point])
    (bucket,) = read_traffic_buckets(chain.database, chain.series, E1, from_us(at(0)), from_us(at(10)))
    assert bucket.latency is None


def test_points_of_many_windows_are_summed_up_with_their_worst_status(chain: Chain) -> None:
    chain.serve(*[at(minute) for minute in range(0, 202, 2)], now=at(201))
    chain.tick(at(201))
    for number, event in enumerate(chain.app_events()):
        status = 2 if number == 3 else 0
        chain.report(result(event, status, number / 10), metric(event, 7.0), done(event))
    span = from_us(at(0)), from_us(at(200))
    each = read_point_buckets(chain.database, chain.series, E1, "app", "drift", *span)
    assert [(bucket.windows, bucket.last) for bucket in each] == [(1, n / 10) for n in range(len(each))]
    few = read_point_buckets(chain.database, chain.series, E1, "app", "drift", *span, most=4)
    assert 2 <= len(few) <= 4
    assert sum(bucket.windows for bucket in few) == len(each)
    assert max(bucket.status for bucket in few) == 2
    assert (few[0].lowest, few[-1].highest) == (0.0, each[-1].last)
    rows = read_point_buckets(chain.database, chain.series, E1, "app", "rows", *span)
    assert {bucket.status for bucket in rows} == {None}


def test_dead_letters_come_in_pages_without_gap_or_repetition(chain: Chain) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    letters = [
        DeadLetter("s", 0, offset, -1, "events", E1, "f", "r", b"x", created + timedelta(hours=offset // 2))
        for offset in range(7)
    ]
    with chain.database.write() as connection:
        dead_letters.keep(connection, letters)
    seen, after = [], None
    with chain.database.read() as connection:
        while True:
            page = list_dead_letters(connection, limit=3, after=after)
            assert page.total == 7
            seen += [letter.offset for letter in page.letters]
            after = page.after
            if after is None:
                break
    assert seen == [6, 5, 4, 3, 2, 1, 0]
