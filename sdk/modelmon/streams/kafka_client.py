"""Clients of kafka-python that we can live with, and its errors in the port's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kafka import errors
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from modelmon.errors import ConfigError, ModelMonError, RejectedError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams.kafka_settings import KafkaAddress, client_options

T = TypeVar("T")

_WRONG = (
    errors.KafkaConfigurationError,
    errors.InvalidTopicError,
    errors.InvalidPartitionsError,
    errors.InvalidReplicationFactorError,
    errors.InvalidConfigurationError,
    errors.InvalidSessionTimeoutError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
    errors.PolicyViolationError,
    errors.UnsupportedVersionError,
    errors.UnsupportedCodecError,
    errors.UnsupportedCompressionTypeError,
)
"""What trying again does not mend."""
_REFUSED = (errors.SaslAuthenticationFailedError, errors.UnsupportedSaslMechanismError)


def connect(client: Callable[..., T], address: KafkaAddress, settings: Settings, **options: Any) -> T:
    """An admin client, producer or consumer that has found its brokers. Raises kafka-python's errors."""
    networks: list[KafkaNetClient] = []

    def network(**configuration: Any) -> KafkaNetClient:
        selector = NetworkSelector(**configuration)
        networks.append(KafkaNetClient(selector, _Connections(selector, **configuration)))
        # kafka-python 3.0.12 takes the option allow_auto_create_topics and forgets it: a client that still
        # asks for a deleted topic would make the broker create it anew, with one partition.
        networks[-1].cluster.config["allow_auto_create_topics"] = False
        return networks[-1]

    try:
        return client(kafka_client=network, **client_options(address, settings), **options)
    except BaseException as error:
        refused = [problem for opened in networks for problem in opened._manager.refused]
        for opened in networks:  # it leaves its thread behind
            opened.close()
            opened._net.stop()
        if refused:
            raise refused[0] from error
        raise


class _Connections(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python is untyped
    """Notes that credentials were refused, which 3.0.12 means to do: it would try them again until its time
    is over, and say no more than that."""

    def __init__(self, *others: Any, **options: Any) -> None:
        super().__init__(*others, **options)
        self.refused: list[Exception] = []

    async def _connect(self, node: Any, connection: Any, *others: Any, **options: Any) -> None:
        close = connection.close

        def note(error: Exception | None = None) -> None:
            # What the connection keeps as its end may be the broker's hanging up after this.
            if isinstance(error, _REFUSED):
                self.refused.append(error)
            close(error)

        connection.close = note
        await super()._connect(node, connection, *others, **options)
        if self.refused:
            self._auth_failures[node.node_id] = self.refused[0]


def port_error(error: Exception, address: KafkaAddress, settings: Settings, what: str) -> ModelMonError:
    """What the port calls an error of kafka-python that came while `what` was tried."""
    reason = str(error) or type(error).__name__
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return ConfigError(
            f"{address}: the broker refused user {settings.kafka_sasl_username!r} "
            f"({settings.kafka_sasl_mechanism}); check kafka_sasl_username and kafka_sasl_password"
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError | errors.IllegalSaslStateError):
        return ConfigError(f"{address}: the broker does not offer {settings.kafka_sasl_mechanism}: {reason}")
    if isinstance(error, errors.AuthorizationError):
        return ConfigError(
            f"{address}: user {settings.kafka_sasl_username!r} may not {what} ({type(error).__name__})"
        )
    if isinstance(error, errors.MessageSizeTooLargeError | errors.RecordListTooLargeError):
        return RejectedError(f"the broker takes no message of this size: {reason}", "body")
    if isinstance(error, _WRONG):
        return ConfigError(f"{address}: can't {what}: {reason}")
    return UnavailableError(
        f"{address}: could not {what} within {settings.kafka_timeout_seconds:g} s over "
        f"{settings.kafka_security_protocol}: {reason}"
    )
