"""Whatever a message holds: the function goes on, and its rows are counted as stored, errors or rejected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repeating import times
from streaming import Bed, event

numbers = st.integers(-(10**400), 10**400) | st.integers(-(2**64), 2**64) | st.floats() | st.integers(-9, 9)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5) | st.just("\ud800") | st.just("a\0b")
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.just("$bytes"), inner, max_size=3)
    ),
    max_leaves=8,
)
rows = st.lists(st.lists(scalars | values, max_size=4), max_size=4) | values
names = st.lists(st.text(max_size=4) | st.sampled_from(["hour", "f1", "p0", "label.f0", "key"]), max_size=4)
FIELDS = (
    "when", "microsec", "endpoint_id", "model", "version", "function_uri", "labels", "metrics", "publisher",
    "sampling_percentage", "effective_sample_count", "error", "class", "op",
)  # fmt: skip


@st.composite
def events(draw: Any) -> Any:
    body = json.loads(event(endpoint_id=draw(st.sampled_from(["a", "b"]))))
    body["request"]["inputs"], body["resp"]["outputs"] = draw(rows), draw(rows)
    if draw(st.booleans()):
        body["request"]["input_schema"] = draw(names | values)
        body["resp"]["output_schema"] = draw(names | values)
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
        body[field] = draw(values)
    if draw(st.integers(0, 3)) == 0:
        body["when"] = "2199-01-01 00:00:00+00:00"
    return body


@st.composite
def bodies(draw: Any) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=30) | st.builds(json.dumps, values).map(str.encode))
    items = [json.dumps(item) for item in draw(st.lists(events() | values, min_size=1, max_size=3))]
    items += draw(st.lists(st.sampled_from(['{"a":nope}', "[1]", micro_batch()]), max_size=2))
    text = items[0] if draw(st.booleans()) else "[" + ",".join(draw(st.permutations(items))) + "]"
    return text.encode()


def micro_batch() -> str:
    row = json.loads(event())
    future = {**row, "when": "2199-01-01 00:00:00+00:00"}
    headers = ["request", "resp", "when"]
    base = {name: value for name, value in row.items() if name not in headers}
    rows = [[each[name] for name in headers] for each in (row, future, row)]
    return json.dumps({**base, "headers": headers, "values": rows})


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    bed = Bed(tmp_path_factory.mktemp("anything"))
    yield bed
    bed.close()


@pytest.mark.long
@settings(max_examples=times(60, few=20), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(bodies(), min_size=1, max_size=4))
def test_no_message_stops_the_function_and_every_row_is_accounted_for(
    bed: Bed, runner: asyncio.Runner, messages: list[bytes]
) -> None:
    async def steps() -> None:
        stage = bed.stage()
        for message in bed.publish(*messages):
            await stage.accept(message)
        await stage.close()

    runner.run(steps())
    assert bed.table("positions", "applied") == [bed.stream.end_offsets()[0] - 1]
    counted = bed.table("traffic", "received", "stored", "errors", "rejected")
    assert all(received == stored + errors + rejected for received, stored, errors, rejected in counted)
    listed = bed.table("files", "endpoint_id", "rows")
    by_endpoint = dict(bed.table("traffic", "endpoint_id", "stored"))
    for endpoint_id in {each for each, _ in listed}:
        assert sum(n for each, n in listed if each == endpoint_id) == by_endpoint[endpoint_id]
        assert bed.sample(endpoint_id).num_rows == by_endpoint[endpoint_id]
