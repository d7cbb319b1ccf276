"""What `set_tracking` asks for, checked value by value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.secrecy import shown_address
from modelmon.settings import check_stream_address
from modelmon.streams import BACKENDS

POLICY_KEYS = (
    "client_time",
    "default_batch_image",
    "default_batch_intervals",
    "default_controller_image",
    "stream_image",
)
"""What a tracking policy may hold: `client_time`, and the policy of the batch job."""

LEAST_PERCENTAGE = 1e-6
"""Less than this can't be told on the wire."""

_STREAM_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")


class Tracking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the requests of one serving function are logged.

    Every `sample`-th request is logged, of it `sampling_percentage` percent of the rows; `batch` events
    go out as one message. With `client_time` a request's own `timestamp` says when it happened.
    `stream_url` "" is the project's events stream. `policy` is the batch job's, kept on the endpoint.

    Raises ConfigError for a value that is not allowed.
    """

    enabled: bool = True
    stream_url: str = ""
    batch: int = 1
    sample: int = 1
    sampling_percentage: float = 100.0
    client_time: bool = False
    policy: dict[str, Any] = {}

    def __post_init__(self) -> None:
        _check_flag("enable_tracking", self.enabled)
        _check_stream(self.stream_url)
        _check_count("batch", self.batch, "so many events go out as one message")
        _check_count("sample", self.sample, "every so many-th request is logged")
        _check_percentage(self.sampling_percentage)
        if self.logged_percentage < LEAST_PERCENTAGE:
            raise ConfigError(
                f"sampling_percentage: must be at least {LEAST_PERCENTAGE:f} percent of all rows, "
                f"got {self.sampling_percentage!r} of every {self.sample}th request"
            )
        _check_flag("tracking_policy['client_time']", self.client_time)
        _check_policy(self.policy)

    @property
    def logged_percentage(self) -> float:
        """The share of all rows that is logged, by both kinds of sampling."""
        return self.sampling_percentage / self.sample


def tracking_of(
    stream_path: str | None = None,
    batch: int | None = None,
    sample: int | None = None,
    tracking_policy: Any = None,
    sampling_percentage: float = 100,
    enable_tracking: bool = True,
) -> Tracking:
    """The arguments of `set_tracking` as a checked value.

    `tracking_policy` is a dict (or an object with `to_dict()`) with any of POLICY_KEYS.
    Raises ConfigError that names the argument, its value and what is allowed.
    """
    policy = _policy_dict(tracking_policy)
    return Tracking(
        enabled=enable_tracking,
        stream_url="" if stream_path is None else stream_path,
        batch=1 if batch is None else batch,
        sample=1 if sample is None else sample,
        sampling_percentage=sampling_percentage,
        client_time=policy.pop("client_time", False),
        policy=policy,
    )


def _policy_dict(tracking_policy: Any) -> dict[str, Any]:
    to_dict = getattr(tracking_policy, "to_dict", None)
    value = to_dict() if callable(to_dict) else tracking_policy
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"tracking_policy: must be a dict with any of {', '.join(POLICY_KEYS)}, got {tracking_policy!r}"
        )
    return dict(value)


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: must be True or False, got {value!r}")


def _check_count(name: str, value: object, meaning: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name}: must be a whole number of at least 1 ({meaning}), got {value!r}")


def _check_percentage(value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 100:
        raise ConfigError(
            f"sampling_percentage: must be a number above 0 and at most 100, got {value!r} "
            "(enable_tracking=False turns tracking off)"
        )


def _check_stream(value: object) -> None:
    known = ", ".join(f"{scheme}://" for scheme in sorted(BACKENDS))
    if isinstance(value, str):
        scheme, separator, _ = value.partition("://")
        if not value or (separator and scheme in BACKENDS) or _STREAM_NAME.fullmatch(value):
            check_stream_address("stream_path", value)
            return
        value = shown_address(value)
    raise ConfigError(
        f"stream_path: must be a stream's URL ({known}), or None for the project's events stream, "
        f"got {value!r}"
    )


def _check_policy(policy: Mapping[str, Any]) -> None:
    unknown = sorted(str(key) for key in policy if key not in POLICY_KEYS)
    if unknown:
        raise ConfigError(
            f"tracking_policy: unknown key {unknown[0]!r}, allowed are {', '.join(POLICY_KEYS)}"
        )
    try:
        json.dumps(policy, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"tracking_policy: must hold JSON values only, got {policy!r} ({error})") from error
