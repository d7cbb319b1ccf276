"""How a Kafka broker is reached: the address in the URL, everything else from the settings.

Credentials stand in settings only, never in a URL, and come out nowhere: kafka-python logs its configuration
and its requests at DEBUG, so a password travels in a text that shows as asterisks and the requests that
carry it are kept out of its log.
"""

from __future__ import annotations

import logging
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.secrecy import shown_address
from modelmon.settings import Settings

PREFIX = "kafka://"
TOPIC = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
DEFAULT_PORT = 9092
RECONNECT_MAX_MS = 1_000
DAY_SECONDS = 86_400
MOST = {
    "kafka_timeout_seconds": DAY_SECONDS,
    "kafka_session_seconds": DAY_SECONDS,
    "kafka_replication": 2**15 - 1,
    "kafka_max_message_bytes": 2**30,
}
"""What Kafka's protocol and kafka-python have room for."""


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
    if "@" in url:  # anywhere: a password may hold a '/', '?' or '@' of its own
        raise ConfigError(
            f"stream {PREFIX}…: credentials don't belong in the address, which has an '@'; set "
            "kafka_sasl_username and kafka_sasl_password"
        )
    hosts, _, topic = re.sub(r"/?\?topic=", "/", url.removeprefix(PREFIX), count=1).partition("/")
    brokers = tuple(_with_port(host, number) for number, host in enumerate(hosts.split(","), start=1))
    if not TOPIC.fullmatch(topic):
        raise ConfigError(
            f"stream {PREFIX}{','.join(brokers)}/…: {shown_address(topic)!r} is no topic; write "
            f"{PREFIX}host:9092/topic, the topic of at most 249 letters, digits, '.', '_' and '-'"
        )
    return KafkaAddress(brokers, topic)


def _with_port(host: str, number: int) -> str:
    where = f"stream {PREFIX}…: host {number}"  # shown it may be a password that lacks its @
    name, _, port = host.strip().rpartition(":")
    if re.search(r"\s", host.strip()):
        raise ConfigError(f"{where} is no broker, it has a blank; put commas between brokers")
    if port.isdecimal() and name:
        if not 1 <= int(port) <= 65_535:
            raise ConfigError(f"{where} has no port from 1 to 65535")
        return host.strip()
    if not host.strip() or name:
        raise ConfigError(f"{where} is no broker; write {PREFIX}host:9092/topic")
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

    Raises ConfigError for settings that don't go together or are too large, and for files that aren't
    there or hold something else.
    """
    for name, most in MOST.items():
        if getattr(settings, name) > most:
            raise ConfigError(f"{name}: must be at most {most}, got {getattr(settings, name)!r}")
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


def check_protocol(settings: Settings) -> None:
    """ConfigError for a user, password or mechanism that the security protocol would not look at."""
    protocol = settings.kafka_security_protocol
    for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        if getattr(settings, name) and not protocol.startswith("SASL_"):
            raise ConfigError(
                f"{name} is set, but kafka_security_protocol is {protocol}: set it to SASL_SSL or "
                "SASL_PLAINTEXT"
            )


def _sasl(settings: Settings) -> dict[str, Any]:
    mechanism, protocol = settings.kafka_sasl_mechanism, settings.kafka_security_protocol
    check_protocol(settings)
    if not protocol.startswith("SASL_"):
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
    _check_certificates(**files)
    return files


def _check_certificates(ssl_cafile: str | None, ssl_certfile: str | None, ssl_keyfile: str | None) -> None:
    if ssl_keyfile and not ssl_certfile:
        raise ConfigError("kafka_ssl_keyfile: needs kafka_ssl_certfile, the certificate of this key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ssl_cafile:
            context.load_verify_locations(ssl_cafile)
    except OSError as error:  # an SSLError is one
        raise ConfigError(
            f"kafka_ssl_cafile: {ssl_cafile!r} holds no certificate in PEM that can be read ({error})"
        ) from error
    try:
        if ssl_certfile:
            context.load_cert_chain(ssl_certfile, ssl_keyfile, password="")  # or it would ask the terminal
    except OSError as error:
        raise ConfigError(
            f"kafka_ssl_certfile, kafka_ssl_keyfile: {ssl_certfile!r} and {ssl_keyfile or ssl_certfile!r} "
            f"hold no certificate with its unencrypted key in PEM ({error})"
        ) from error
