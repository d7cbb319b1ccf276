"""What the addresses among the settings must not be."""

from __future__ import annotations

from string import Formatter
from urllib.parse import urlsplit

from modelmon.errors import ConfigError
from modelmon.secrecy import shown_address

KAFKA = "kafka://"
WITH_FOLDERS = ("sqlite:///", "memory://")  # streams whose address holds no host, so an @ is a letter there


def check_stream_address(name: str, value: str) -> None:
    """ConfigError for credentials in a stream's address: too many read it. It shows nothing of them.

    For an address that is none, too.
    """
    if "@" in value and not value.startswith(WITH_FOLDERS):
        raise ConfigError(
            f"{name}: has an '@', but credentials don't belong in a stream's address; set "
            "kafka_sasl_username and kafka_sasl_password, and write kafka://host:9092"
        )
    if value.startswith(KAFKA) and not value.removeprefix(KAFKA).strip("/, "):
        raise ConfigError(f"{name}: names no broker; write kafka://host:9092")
    try:
        urlsplit(value)
    except ValueError:
        raise ConfigError(
            f"{name}: is no address, its brackets don't match; write kafka://host:9092"
        ) from None


def check_template(name: str, value: str) -> None:
    """ConfigError unless {name}, and no other field, can be put in."""
    try:
        found = [tuple(part[1:]) for part in Formatter().parse(value) if part[1] is not None]
    except ValueError:
        found = [("", "", None)]
    if set(found) - {("name", "", None)}:
        raise ConfigError(
            f"{name}: the only braces that it may have are {{name}}, which is the app's name; "
            f"got {shown_address(value)!r}"
        )
