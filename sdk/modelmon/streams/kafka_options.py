"""What kafka-python is told: the brokers of an address, everything else from the settings.

Credentials come out nowhere: kafka-python logs its configuration and its requests at DEBUG, so a password
travels in a text that shows as asterisks and the requests that carry it are kept out of its log.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_settings import KafkaSettings

RECONNECT_MAX_MS = 1_000


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


def client_options(address: KafkaAddress, settings: KafkaSettings) -> dict[str, Any]:
    """The options that kafka-python's admin client, producer and consumer share.

    Raises ConfigError for settings that don't go together, and for files that aren't there or hold something
    else.
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


def timeout_milliseconds(settings: KafkaSettings) -> int:
    """`kafka_timeout_seconds` as kafka-python wants it."""
    return round(settings.kafka_timeout_seconds * 1000)


def check_protocol(settings: KafkaSettings) -> None:
    """ConfigError for a user, password or mechanism that the security protocol would not look at."""
    protocol = settings.kafka_security_protocol
    for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        if getattr(settings, name) and not protocol.startswith("SASL_"):
            raise ConfigError(
                f"{name} is set, but kafka_security_protocol is {protocol}: set it to SASL_SSL or "
                "SASL_PLAINTEXT"
            )


def _sasl(settings: KafkaSettings) -> dict[str, Any]:
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


def _ssl(settings: KafkaSettings) -> dict[str, Any]:
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
