"""An endpoint falls silent at a time at which it was heard in past weeks, on the embedded platform."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain import QUICK
from deploying import eventually
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.local import Runner
from modelmon.model import DAY_US, MINUTE_US, Endpoint, endpoint_id_of, wall_clock_us
from modelmon.project import get_or_create_project
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.views.incidents import Incident
from modelmon.wire import ServingEvent, write_event

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WEEK_US = 7 * DAY_US
PATIENCE_SECONDS = 400.0
A_MINUTE, AHEAD = 40, 15
SILENT, HEARD = (endpoint_id_of("weeks", "serving", name) for name in ("silent", "heard"))


def events_of(endpoint_id: str, minute_us: int) -> Iterator[tuple[str, bytes]]:
    for number in range(A_MINUTE):
        at_us = minute_us + number * (MINUTE_US // A_MINUTE)
        event = ServingEvent(
            endpoint_id=endpoint_id, endpoint_name="m", function_uri="weeks/serving", model_class="Model",
            version="", request_id=f"{endpoint_id}-{at_us}", when_us=at_us, latency_us=900,
            inputs=[[1.0]], outputs=[[2.0]], effective_sample_count=1,
        )  # fmt: skip
        yield endpoint_id, write_event(event)


class Weeks:
    """A project whose two endpoints had requests at this time of each of the past weeks."""

    def __init__(self, folder: Path) -> None:
        self.project = get_or_create_project("weeks", context=folder, **QUICK)
        self.project.enable_model_monitoring(apps=["service"])
        self.settings = Settings.load(folder)
        records = open_records(self.settings)
        with records.write() as connection:
            for endpoint_id, name in ((SILENT, "silent"), (HEARD, "heard")):
                found = Endpoint(endpoint_id, "weeks", name, feature_names=("x",), label_names=("y",))
                endpoints.put(connection, found, wall_clock_us())
        records.close()
        self.stream: Stream = open_stream(self.settings.events_url, 2, self.settings)
        self.now_us = wall_clock_us() // MINUTE_US * MINUTE_US

    def past(self) -> None:
        for week in (3, 2, 1):
            for place in range(-5, AHEAD):
                minute_us = self.now_us - week * WEEK_US + place * MINUTE_US
                for endpoint_id in (SILENT, HEARD):
                    self.stream.publish(list(events_of(endpoint_id, minute_us)))

    def incidents(self, name: str) -> list[Incident]:
        return list(self.project.list_incidents(name).incidents)


@pytest.fixture
def weeks(tmp_path: Path) -> Iterator[Weeks]:
    weeks = Weeks(tmp_path)
    yield weeks
    weeks.stream.close()


def test_a_silent_endpoint_is_told_of_and_late_requests_take_that_back(weeks: Weeks, tmp_path: Path) -> None:
    weeks.past()
    done_us: set[int] = set()

    def heard_goes_on() -> list[Any]:
        last_us = wall_clock_us() // MINUTE_US * MINUTE_US
        for minute_us in range(weeks.now_us, last_us, MINUTE_US):
            if minute_us not in done_us:
                weeks.stream.publish(list(events_of(HEARD, minute_us)))
                done_us.add(minute_us)
        return weeks.incidents("silent")

    with Runner(tmp_path, tell=lambda level, text: None) as runner:
        runner.wait_until_ready(PATIENCE_SECONDS)
        (found,) = eventually(heard_goes_on, bool, within=PATIENCE_SECONDS, every=0.5)
        assert (found.application_name, found.result_name, found.result_value) == (
            "service", "traffic_missing", 1.0,
        )  # fmt: skip
        assert f"0 requests came, {A_MINUTE} were expected" in found.detail
        for minute_us in range(weeks.now_us, time.time_ns() // 1000, MINUTE_US):
            weeks.stream.publish(list(events_of(SILENT, minute_us)))
        eventually(
            lambda: weeks.incidents("silent"),
            lambda found: {each.reason for each in found} <= {"withdrawn", "calm"},
            within=PATIENCE_SECONDS,
            every=0.5,
        )
    assert weeks.incidents("heard") == []
