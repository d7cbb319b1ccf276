"""What the settings say of exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from modelmon.errors import ConfigError
from modelmon.settings.declaring import check, setting

SIGNAL_PATH = "/v1/metrics"
INSTRUMENT = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,200}")
"""What OpenTelemetry lets an instrument be called, with room for its last part."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What of a project goes to other systems, and how much."""

    metrics_max_endpoints: int = setting(
        2000,
        "/metrics has at most so many endpoints; of more, the worst ones, the sums, and "
        "modelmon_metrics_truncated 1.",
        section="Exports",
        least=1,
    )
    metrics_thresholds: str = setting(
        "off",
        "on: /metrics has the thresholds of each result, too, two series more.",
        choices=("off", "on"),
    )
    otlp_endpoint: str = setting(
        "",
        "Collector of OpenTelemetry that verdicts go to: http://host:4318, to which /v1/metrics is added. "
        "Empty: none.",
    )
    otlp_headers: str = setting(
        "",
        "Headers that the collector wants, with commas between: Authorization=Bearer%20…,X-Scope-OrgID=shop. "
        "Values are percent-encoded.",
        secret=True,
    )
    otlp_prefix: str = setting(
        "mlrun.model_monitoring", "What the names of the two instruments, .result and .metric, begin with."
    )
    otlp_interval_seconds: int = setting(
        10, "Time between two looks for verdicts that the collector has not got yet.", least=1
    )
    otlp_timeout_seconds: float = setting(10.0, "How long the collector has to answer.", least=0.1)

    def __post_init__(self) -> None:
        check(self)
        _check_address(self.otlp_endpoint)
        headers_of(self.otlp_headers)
        if not INSTRUMENT.fullmatch(self.otlp_prefix):
            raise ConfigError(
                f"otlp_prefix: {self.otlp_prefix!r} is no beginning of an instrument's name; it has letters, "
                "digits and _ . / - only, and begins with a letter"
            )

    @property
    def has_collector(self) -> bool:
        """Whether verdicts go to a collector of OpenTelemetry."""
        return bool(self.otlp_endpoint)


def metrics_address(endpoint: str) -> str:
    """Where metrics are sent.

    >>> metrics_address("http://localhost:4318"), metrics_address("https://x.example/otlp/v1/metrics")
    ('http://localhost:4318/v1/metrics', 'https://x.example/otlp/v1/metrics')
    """
    base = endpoint.rstrip("/")
    return base if base.endswith(SIGNAL_PATH) else f"{base}{SIGNAL_PATH}"


def headers_of(text: str) -> Mapping[str, str]:
    """Header to value. Raises ConfigError, which shows no value.

    >>> headers_of("Authorization=Bearer%20abc, X-Scope-OrgID=shop")
    {'Authorization': 'Bearer abc', 'X-Scope-OrgID': 'shop'}
    """
    found = {}
    for number, each in enumerate(filter(str.strip, text.split(",")), start=1):
        name, equals, value = (part.strip() for part in each.partition("="))
        decoded = unquote(value)
        if not equals or not _HEADER.fullmatch(name) or not decoded.isascii() or not decoded.isprintable():
            raise ConfigError(
                f"otlp_headers: number {number} is no header; write NAME=VALUE, of printable ASCII, with the "
                "value percent-encoded: Authorization=Bearer%20…"
            )
        found[name] = decoded
    return found


def _check_address(endpoint: str) -> None:
    """The address may hold a password, and then it is not shown."""
    if not endpoint:
        return
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_address = False
    if not is_address:
        raise ConfigError("otlp_endpoint: that is no http:// or https:// address; write http://host:4318")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "otlp_endpoint: it has a user, a password, a query or a fragment; put keys into otlp_headers"
        )
