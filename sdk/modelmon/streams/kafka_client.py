"""Clients of kafka-python that we can live with, and its errors in the port's words."""

from __future__ import annotations

import logging
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any, TypeVar

from kafka import errors
from kafka.cluster import ClusterMetadata
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from modelmon.errors import ConfigError, ModelMonError, RejectedError, UnavailableError
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_options import client_options, timeout_milliseconds
from modelmon.streams.kafka_settings import KafkaSettings

T = TypeVar("T")
log = logging.getLogger(__name__)

# While a broker is down it warns ten times a second. What matters of that is in our errors.
_THEIRS = logging.getLogger("kafka")
if _THEIRS.level == logging.NOTSET:
    _THEIRS.setLevel(logging.CRITICAL)

_WRONG = (
    errors.KafkaConfigurationError,
    errors.InvalidTopicError,
    errors.InvalidPartitionsError,
    errors.InvalidReplicationFactorError,
    errors.InvalidConfigurationError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
    errors.PolicyViolationError,
    errors.UnsupportedVersionError,
    errors.UnsupportedCompressionTypeError,
)
"""What trying again does not mend."""


class CertificateError(errors.KafkaError):  # type: ignore[misc]  # kafka-python is untyped
    """One side of a TLS connection does not take the other's certificate."""


CODEC_PACKAGES = {"lz4": "lz4", "snappy": "python-snappy", "zstd": "zstandard"}
"""What has to be installed for messages that are compressed so."""

_REFUSED = (errors.SaslAuthenticationFailedError, errors.UnsupportedSaslMechanismError, CertificateError)


CLIENT_ERRORS = (errors.KafkaError, OSError, RuntimeError, struct.error)
"""What kafka-python raises; a RuntimeError when a connection ends while a request is written to it, a
struct.error for a number that the protocol has no room for."""


def connect(client: Callable[..., T], address: KafkaAddress, settings: KafkaSettings, **options: Any) -> T:
    """An admin client, producer or consumer that has found its brokers. Raises CLIENT_ERRORS."""
    networks: list[KafkaNetClient] = []

    def network(**configuration: Any) -> KafkaNetClient:
        selector = NetworkSelector(**configuration)
        networks.append(KafkaNetClient(selector, _Connections(settings, selector, **configuration)))
        return networks[-1]

    try:
        return client(kafka_client=network, **client_options(address, settings), **options)
    except BaseException as error:
        refused = [problem for opened in networks for problem in opened._manager.refused]
        for opened in networks:
            end(opened)
        if refused:
            raise refused[0] from error
        raise


def leave(close: Callable[[], None], network: KafkaNetClient) -> None:
    """Close a client; whatever comes of that, no connection and no thread of its `network` is left."""
    try:
        close()
    except CLIENT_ERRORS as error:
        log.debug("A Kafka client did not leave in order: %s", error)
    finally:
        end(network)


def end(network: KafkaNetClient) -> None:
    """Close the connections and stop the thread; twice is harmless."""
    network.close()
    network._net.stop()


class _Connections(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python is untyped
    """Connections of kafka-python 3.0.12 that tell a refusal, and that wait for nothing for ever."""

    def __init__(self, settings: KafkaSettings, *others: Any, **options: Any) -> None:
        timeout_ms = timeout_milliseconds(settings)
        super().__init__(
            *others,
            **options,
            socket_connection_setup_timeout_ms=timeout_ms,
            socket_connection_setup_timeout_max_ms=timeout_ms,
        )
        self.refused: list[Exception] = []
        # It takes the option allow_auto_create_topics and forgets it: a client that still asks for a deleted
        # topic would make the broker create it anew, with one partition.
        self.cluster.config["allow_auto_create_topics"] = False
        self.cluster.start_refresh_loop = _restarting(self.cluster)

    async def _build_transport(self, node: Any, timeout_at: float) -> Any:
        # Alone, it would wait without end for a broker that accepts a connection and then is silent.
        building = self.call_soon(super()._build_transport, node, timeout_at)
        try:
            transport = await self.wait_for(building, max(0.0, timeout_at - time.monotonic()) * 1000)
        except errors.KafkaTimeoutError:
            building.add_callback(lambda late: late.close())
            raise
        except errors.KafkaConnectionError as error:
            raise _told(error, error.__context__) from error.__context__
        receive = transport._sock_recv

        def receive_whole() -> tuple[bytes, Exception | None]:
            # A broker that refuses hangs up after it has said so. What came together with the end of a
            # connection would be thrown away; the next read meets that end again.
            data, error = receive()
            return data, None if data or error is None else _told(error, error.args[0])

        transport._sock_recv = receive_whole
        return transport

    async def _connect(self, node: Any, connection: Any, *others: Any, **options: Any) -> None:
        await super()._connect(node, connection, *others, **options)
        error = connection.init_future.exception
        if isinstance(error, _REFUSED):
            # It means to keep this itself: it would try the credentials again until its time is over.
            self.refused.append(error)
            self._auth_failures[node.node_id] = error


def _told(error: errors.KafkaError, reason: object) -> errors.KafkaError:
    """The error of a connection that ended for this reason, which kafka-python makes a text of."""
    named = (reason.reason or "") if isinstance(reason, ssl.SSLError) else ""
    if "CERTIFICATE" in named or "UNKNOWN_CA" in named:
        return CertificateError(str(reason))
    return error


def _restarting(cluster: ClusterMetadata) -> Callable[[], None]:
    """What starts the loop that asks who leads a partition: it ends with any error that is no KafkaError,
    and would never be started again."""
    start = cluster.start_refresh_loop

    def start_or_restart() -> None:
        loop = cluster._refresh_loop_future
        if loop is not None and loop.is_done and not cluster.closed:
            cluster._refresh_loop_future = None
        start()

    return start_or_restart


def port_error(error: Exception, address: KafkaAddress, settings: KafkaSettings, what: str) -> ModelMonError:
    """What the port calls an error of kafka-python that came while `what` was tried."""
    reason = str(error) or type(error).__name__
    if isinstance(error, errors.MessageSizeTooLargeError | errors.RecordListTooLargeError):
        return RejectedError(f"the broker takes no message of this size: {reason}", "body")
    wrong = (
        _wrong_credentials(error, reason, settings, what)
        or _wrong_setting(error, reason, settings)
        or _wrong_message(error, reason, what)
        or (f"can't {what}: {reason}" if isinstance(error, _WRONG) else "")
    )
    if wrong:
        return ConfigError(f"{address}: {wrong}")
    return UnavailableError(
        f"{address}: could not {what} within {settings.kafka_timeout_seconds:g} s over "
        f"{settings.kafka_security_protocol}: {reason}{_hint(error, reason, settings)}"
    )


def _wrong_credentials(error: Exception, reason: str, settings: KafkaSettings, what: str) -> str:
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return (
            f"the broker refused user {settings.kafka_sasl_username!r} "
            f"({settings.kafka_sasl_mechanism}); check kafka_sasl_username and kafka_sasl_password"
        )
    if isinstance(error, CertificateError):
        return (
            f"a certificate was refused ({error.args[0]}); check kafka_ssl_cafile, "
            "kafka_ssl_certfile and kafka_ssl_keyfile"
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError | errors.IllegalSaslStateError):
        return f"the broker does not offer {settings.kafka_sasl_mechanism}: {reason}"
    if isinstance(error, errors.AuthorizationError):
        return f"user {settings.kafka_sasl_username!r} may not {what} ({type(error).__name__})"
    return ""


def _wrong_setting(error: Exception, reason: str, settings: KafkaSettings) -> str:
    if isinstance(error, errors.InvalidSessionTimeoutError):
        return (
            f"the brokers don't take kafka_session_seconds {settings.kafka_session_seconds:g}; "
            "it has to lie between their group.min.session.timeout.ms and group.max.session.timeout.ms"
        )
    if isinstance(error, errors.UnsupportedCodecError):
        codec = next((name for name in CODEC_PACKAGES if f" {name} " in reason), "")
        mend = f"pip install {CODEC_PACKAGES[codec]}" if codec else "take another kafka_compression"
        return f"messages are compressed with {codec or reason}: {mend}"
    return ""


def _wrong_message(error: Exception, reason: str, what: str) -> str:
    if isinstance(error, struct.error):
        return f"can't {what}: a number is too large for Kafka ({reason})"
    if isinstance(error, errors.CorruptRecordError) and what == "read":
        return f"a message is damaged: {reason}; restore the partition, or set the group's offset behind it"
    return ""


def _hint(error: Exception, reason: str, settings: KafkaSettings) -> str:
    if not (isinstance(error, errors.KafkaTimeoutError) and "bootstrap" in reason):
        return ""
    return (
        "; nothing answers there, or a listener for another kafka_security_protocol than "
        f"{settings.kafka_security_protocol}"
    )
