"""What `set_tracking` takes, and what it says about everything else."""

from __future__ import annotations

from typing import Any

import pytest

from modelmon.errors import ConfigError
from modelmon.serving import Tracking, tracking_of


def test_without_arguments_every_request_is_logged_alone_to_the_projects_stream() -> None:
    assert tracking_of() == Tracking(
        enabled=True, stream_url="", batch=1, sample=1, sampling_percentage=100, client_time=False, policy={}
    )


def test_every_argument_has_its_place() -> None:
    policy = {"client_time": True, "default_batch_intervals": {"minute": 0, "hour": "*/2"}}
    assert tracking_of("memory://s", 5, 3, policy, 12.5, False) == Tracking(
        enabled=False,
        stream_url="memory://s",
        batch=5,
        sample=3,
        sampling_percentage=12.5,
        client_time=True,
        policy={"default_batch_intervals": {"minute": 0, "hour": "*/2"}},
    )
    assert policy["client_time"] is True  # the caller's own dict is left alone


def test_a_policy_object_of_mlruns_kind_is_taken() -> None:
    class Policy:
        def to_dict(self) -> dict[str, Any]:
            return {"stream_image": "mlrun/mlrun"}

    assert tracking_of(tracking_policy=Policy()).policy == {"stream_image": "mlrun/mlrun"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, r"batch: must be a whole number of at least 1 .* got 0"),
        ({"batch": -1}, "batch: .* got -1"),
        ({"batch": 1.5}, "batch: .* got 1.5"),
        ({"batch": "2"}, "batch: .* got '2'"),
        ({"batch": True}, "batch: .* got True"),
        ({"sample": 0}, r"sample: must be a whole number of at least 1 .* got 0"),
        ({"sample": 0.5}, "sample: .* got 0.5"),
        ({"sampling_percentage": 0}, "sampling_percentage: must be a number above 0 and at most 100, got 0"),
        ({"sampling_percentage": 100.1}, "sampling_percentage: .* got 100.1"),
        ({"sampling_percentage": float("nan")}, "sampling_percentage: .* got nan"),
        ({"sampling_percentage": None}, "sampling_percentage: .* got None"),
        ({"sampling_percentage": True}, "sampling_percentage: .* got True"),
        ({"sampling_percentage": 1e-5, "sample": 100}, "must be at least 0.000001 percent of all rows"),
        ({"stream_path": "redis://x"}, r"stream_path: .*memory://, sqlite://.* got 'redis://x'"),
        ({"stream_path": "no spaces"}, "stream_path: .* got 'no spaces'"),
        ({"stream_path": 3}, "stream_path: .* got 3"),
        (
            {"tracking_policy": "daily"},
            "tracking_policy: must be a dict with any of client_time, .* got 'daily'",
        ),
        ({"tracking_policy": {"client_tme": True}}, "unknown key 'client_tme', allowed are client_time, "),
        ({"tracking_policy": {1: True}}, "unknown key '1'"),
        ({"tracking_policy": {"client_time": "yes"}}, r"\['client_time'\]: must be True or False, got 'yes'"),
        ({"tracking_policy": {"stream_image": object()}}, "must hold JSON values only"),
        ({"enable_tracking": "on"}, "enable_tracking: must be True or False, got 'on'"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_what_is(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tracking_of(**arguments)
