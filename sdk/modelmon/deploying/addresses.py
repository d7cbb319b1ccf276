"""Whether the names and addresses among the settings can work where functions are deployed."""

from __future__ import annotations

import re
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import LOCAL
from modelmon.settings import KAFKA, Settings
from modelmon.streams.kafka_address import read_address

V3IO = "v3io://"
DEFAULT_PORT = 9092
HOST = re.compile(r"([A-Za-z0-9_]([-A-Za-z0-9._]*[A-Za-z0-9_])?|\[[0-9a-fA-F:.]+\])")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
CERTIFICATES = ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
STREAMS = ("events_stream", "writer_stream", "app_stream")
APP = "app"  # stands for any app's name


def read_brokers(setting: str, value: str) -> tuple[str, ...]:
    """Brokers as host:port, from a list with commas; blanks don't count, the port is 9092 if none is said.

    Raises ConfigError naming the `setting`.

    >>> read_brokers("nuclio_brokers", "one:9094, two")
    ('one:9094', 'two:9092')
    """
    return tuple(_broker(setting, host.strip()) for host in value.split(",") if host.strip())


def check_names(settings: Settings) -> None:
    """ConfigError for a name that Nuclio and Kubernetes refuse."""
    for setting in ("nuclio_project", "nuclio_namespace", "nuclio_secret"):
        value = settings.value(setting)
        if (value or setting != "nuclio_project") and not LABEL.fullmatch(value):
            raise ConfigError(
                f"{setting}: {value!r} is no name; use at most 63 lower-case letters, digits and '-', "
                "the first and the last a letter or digit"
            )


def check_files(settings: Settings, platform: str) -> None:
    """ConfigError for a certificate that is not there. On Kubernetes it is in the Secret, here or not."""
    for setting in CERTIFICATES:
        path = settings.value(setting)
        if platform == LOCAL and path and not Path(path).is_file():
            raise ConfigError(f"{setting}: there is no file {path!r}; name the PEM file that containers get")


def check_streams(settings: Settings) -> None:
    """ConfigError for a stream that has no name of its own there. `settings` are those of the functions."""
    _check_app_stream(settings.app_stream)
    seen: dict[str, str] = {}
    for setting in STREAMS:
        value = getattr(settings, setting)
        url = _checked(settings, setting, value.format(name=APP) if setting == "app_stream" else value)
        if url in seen:
            raise ConfigError(
                f"{setting}: {_shown(value)} is the stream of {seen[url]} too; give each a name of its own"
            )
        seen[url] = setting


def _check_app_stream(value: str) -> None:
    if value.format(name="one") == value.format(name="other"):
        raise ConfigError(
            f"app_stream: {_shown(value)} is one stream for all apps; "
            "write for example app-{name}, where {name} stands for the app"
        )


def _checked(settings: Settings, setting: str, stream: str) -> str:
    """The stream's address, comparable."""
    url = settings.stream_url(stream)
    if not stream or re.search(r"\s", stream):
        raise ConfigError(
            f"{setting}: {_shown(stream)} can't name a stream; use letters, digits, '.', '_' and '-'"
        )
    if url.startswith(V3IO):
        return url
    if not url.startswith(KAFKA):
        raise ConfigError(
            f"{setting}: {_shown(stream)} is a stream of this machine; Nuclio reads Kafka or V3IO, "
            "write a name or kafka://host:9092/topic"
        )
    try:
        address = read_address(url)
    except ConfigError as problem:
        raise ConfigError(f"{setting}: {_shown(stream)} is no topic; {problem}") from None
    return KAFKA + ",".join(read_brokers(setting, ",".join(address.brokers))) + "/" + address.topic


def _broker(setting: str, value: str) -> str:
    host, colon, port = (value, "", "") if value.endswith("]") else _split(value)
    valid = port.isdigit() and 0 < int(port) < 65536 if colon else True
    if not HOST.fullmatch(host) or not valid:
        raise ConfigError(
            f"{setting}: {_shown(value)} is no broker; write host:port, several with commas between, for "
            "example kafka-1:9092,kafka-2:9092"
        )
    return value if colon else f"{value}:{DEFAULT_PORT}"


def _split(value: str) -> tuple[str, str, str]:
    host, colon, port = value.rpartition(":")
    return (host, colon, port) if colon else (value, "", "")


def _shown(value: str) -> str:
    """Without what may be a password."""
    return repr(value if "@" not in value else f"…@{value.rpartition('@')[2]}")
