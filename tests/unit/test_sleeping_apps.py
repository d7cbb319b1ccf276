"""Apps that ask for actuals or scores: they are sent nothing of an endpoint that has neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmon import wire
from modelmon.apps.budget_sharers import sharers_of
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints, registry
from modelmon.ledger.requirements import ACTUALS, ACTUALS_OR_SCORES, checked_requirements, note_requirements
from modelmon.ledger.waking import is_awake
from modelmon.model import Endpoint, to_us
from modelmon.stages.controller import Controller
from modelmon.streams import open_stream
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from wire_actuals import actuals

THEN_US, LATER_US = NOW_US - 1_200_000_000, NOW_US + 3_600_000_000
SLEEPER, OTHER = "model-performance", "drift"
SCORED = {"task": {"kind": "binary", "prediction": "late", "score": ["chance"], "positive": "1"}}


class House:
    """A project with two apps, one of which sleeps."""

    def __init__(self, folder: Path) -> None:
        self.bed = Bed(folder, grace_seconds=0.0, app_stream="app-{name}")
        self.bed.register(feature_names=("x",), label_names=("late",))
        for name in (SLEEPER, OTHER):
            open_stream(self.bed.settings.app_url(name)).close()
            with self.bed.records.write() as connection:
                registry.register_app(connection, name, None, 0)
                note_requirements(connection, name, {ACTUALS, ACTUALS_OR_SCORES} if name == SLEEPER else ())
        self.controller = Controller.open(self.bed.settings)

    def take(self, *bodies: bytes) -> None:
        run(feed(self.bed, self.bed.publish(*bodies)))

    def set(self, **changes: Any) -> None:
        known = Endpoint(ENDPOINT, "flights", "model", feature_names=("x",), label_names=("late",), **changes)
        with self.bed.records.write() as connection:
            endpoints.put(connection, known, NOW_US)

    def sent(self) -> list[str]:
        """The apps that were sent the window of then, each as often."""
        self.controller.tick_blocking(LATER_US)
        return [name for name in (SLEEPER, OTHER) for _ in range(self._windows(name))]

    def _windows(self, name: str) -> int:
        stream = open_stream(self.bed.settings.app_url(name))
        found = stream.read(0, 0, stream.end_offsets()[0], 100) if stream.end_offsets()[0] else ()
        ends = (to_us(wire.read_app_event(each.body).window.end) for each in found)
        return sum(end < NOW_US for end in ends)

    def sharers(self, asking: str = "") -> tuple[str, ...]:
        with self.bed.records.read() as connection:
            known = endpoints.get(connection, ENDPOINT)
        assert known is not None
        return sharers_of(self.bed.records, known, asking).apps


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.take(event(request_id="last"))  # so that the windows before it are closed
    yield house
    run(house.controller.close())
    house.bed.close()


def test_without_actuals_and_scores_it_is_sent_nothing(house: House) -> None:
    house.take(event(request_id="r", when_us=THEN_US))
    assert house.sent() == [OTHER]
    assert house.sharers() == (OTHER,)


def test_the_first_actual_wakes_it_for_the_window_of_its_prediction(house: House) -> None:
    house.take(event(request_id="r", when_us=THEN_US), event(request_id="s", when_us=THEN_US))
    assert house.sent() == [OTHER]
    house.take(actuals({"late": [1]}))
    assert house.sent() == [SLEEPER, OTHER]
    assert house.sharers() == (OTHER, SLEEPER)


def test_once_awake_it_is_sent_windows_before_their_actuals_come(house: House) -> None:
    house.take(event(request_id="r", when_us=THEN_US - 3_600_000_000), actuals({"late": [1]}))
    house.take(event(request_id="s", when_us=THEN_US))
    assert house.sent() == [SLEEPER, SLEEPER, OTHER, OTHER]


def test_an_actual_that_waits_for_its_prediction_wakes_nothing(house: House) -> None:
    house.take(event(request_id="r", when_us=THEN_US), actuals({"late": [1]}, ("another",)))
    assert house.sent() == [OTHER]


def test_a_model_that_answers_with_a_score_has_it_awake_from_the_beginning(house: House) -> None:
    house.set(policy=SCORED)
    house.take(event(request_id="r", when_us=THEN_US))
    assert house.sent() == [SLEEPER, OTHER]


def test_a_policy_that_leaves_it_out_leaves_it_out_though_it_is_awake(house: House) -> None:
    house.set(policy={**SCORED, "monitoring_applications": [OTHER]})
    house.take(event(request_id="r", when_us=THEN_US))
    assert house.sent() == [OTHER]


def test_who_judges_has_a_part_of_the_budget_though_it_sleeps(house: House) -> None:
    """A window that somebody asks for by hand is judged."""
    assert house.sharers(asking=SLEEPER) == (OTHER, SLEEPER)


@pytest.mark.parametrize(
    ("policy", "performance", "expected"),
    [
        ({"task": {"kind": "regression", "prediction": "delay"}}, "", False),
        ({"task": {"kind": "regression", "prediction": "delay"}}, "of-a-reference", True),
        ({"task": {"kind": "binary", "prediction": "late", "score": []}}, "of-a-reference", False),
        ({"task": None}, "", False),
    ],
)
def test_what_lets_an_error_be_estimated_wakes(policy: Any, performance: str, expected: bool) -> None:
    assert is_awake(policy, performance, 0) is expected


def test_what_there_is_to_require_is_told() -> None:
    with pytest.raises(ConfigError, match=r"requires 'scores', which there is not.*actuals or scores"):
        checked_requirements({"scores"}, "mine")
