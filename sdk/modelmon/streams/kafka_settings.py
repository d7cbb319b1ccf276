"""How a Kafka broker is reached: the address in the URL, everything else from the settings.

Credentials stand in settings only, never in a URL, and come out nowhere: kafka-python logs its configuration
and its requests at DEBUG, so a password travels in a text that shows as asterisks and the requests that
carry it are kept out of its log.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.settings import Settings

PREFIX = "kafka://"
TOPIC = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
DEFAULT_PORT = 9092
RECONNECT_MAX_MS = 1_000


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A topic and the brokers to ask for it first."""

    brokers: tuple[str, ...]
    topic: str

    def __str__(self) -> str:
        return f"{PREFIX}{','.join(self.brokers)}/{self.topic}"


def read_address(url: str) -> KafkaAddress:
    """The address in `kafka://host:9092[,host2:9092]/topic`, or in MLRun's way to write it.

    >>> read_address("kafka://one:9092,two/events")
    KafkaAddress(brokers=('one:9092', 'two:9092'), topic='events')
    >>> read_address("kafka://one:9092?topic=events").topic
    'events'
    """
    hosts, _, topic = re.sub(r"/?\?topic=", "/", url.removeprefix(PREFIX), count=1).partition("/")
    if "@" in hosts:
        raise ConfigError(
            f"stream {PREFIX}…@{hosts.rpartition('@')[2]}/{topic}: credentials don't belong in the address; "
            "set kafka_sasl_username and kafka_sasl_password"
        )
    brokers = tuple(_with_port(host, url) for host in hosts.split(","))
    if not TOPIC.fullmatch(topic):
        raise ConfigError(
            f"stream {url!r}: {topic!r} is no topic; write {PREFIX}host:9092/topic, the topic of at most 249 "
            "letters, digits, '.', '_' and '-'"
        )
    return KafkaAddress(brokers, topic)


def _with_port(host: str, url: str) -> str:
    name, _, port = host.strip().rpartition(":")
    if port.isdigit() and name:
        return host.strip()
    if not host.strip() or name:
        raise ConfigError(f"stream {url!r}: {host!r} is no broker; write {PREFIX}host:9092/topic")
    return f"{host.strip()}:{DEFAULT_PORT}"


class Secret(str):
    """A text that shows as asterisks wherever it is printed with the rest of a configuration."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class _WithoutCredentials(logging.Filter):
    """Keeps requests that carry credentials, and raw bytes, out of kafka-python's own log."""

    def filter(self, record: logging.LogRecord) -> bool:
        values = record.args if isinstance(record.args, tuple) else ()
        return not any(
            isinstance(value, bytes | bytearray | memoryview) or type(value).__name__.startswith("Sasl")
            for value in values
        )


_WITHOUT_CREDENTIALS = _WithoutCredentials()
_LOGS_OF_REQUESTS = ("kafka.net.connection", "kafka.protocol.parser")


def client_options(address: KafkaAddress, settings: Settings) -> dict[str, Any]:
    """The options that kafka-python's admin client, producer and consumer share.

    Raises ConfigError for settings that don't go together and files that aren't there.
    """
    for name in _LOGS_OF_REQUESTS:
        logging.getLogger(name).addFilter(_WITHOUT_CREDENTIALS)  # held once, however often it is added
    timeout_ms = timeout_milliseconds(settings)
    return {
        "bootstrap_servers": list(address.brokers),
        "client_id": "modelmon",
        "request_timeout_ms": timeout_ms,
        "bootstrap_timeout_ms": timeout_ms,
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
        "receive_message_max_bytes": 2**30,
        "security_protocol": settings.kafka_security_protocol,
        **_sasl(settings),
        **_ssl(settings),
    }


def timeout_milliseconds(settings: Settings) -> int:
    """`kafka_timeout_seconds` as kafka-python wants it."""
    return round(settings.kafka_timeout_seconds * 1000)


def _sasl(settings: Settings) -> dict[str, Any]:
    mechanism, protocol = settings.kafka_sasl_mechanism, settings.kafka_security_protocol
    if not protocol.startswith("SASL_"):
        if mechanism:
            raise ConfigError(
                f"kafka_sasl_mechanism is {mechanism}, but kafka_security_protocol is {protocol}: "
                "set it to SASL_SSL or SASL_PLAINTEXT"
            )
        return {}
    for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        if not getattr(settings, name):
            raise ConfigError(f"{name}: not set, and kafka_security_protocol is {protocol}")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": Secret(settings.kafka_sasl_password),
    }


def _ssl(settings: Settings) -> dict[str, Any]:
    files = {
        f"ssl_{kind}": getattr(settings, f"kafka_ssl_{kind}") or None
        for kind in ("cafile", "certfile", "keyfile")
    }
    for name, file in files.items():
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"kafka_{name}: there is no file {file!r}")
    return files
