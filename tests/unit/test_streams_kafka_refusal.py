"""A broker that refuses our credentials and hangs up at once, as one looks to who is busy."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams import open_stream

# kafka-python warns about Python 3.11 itself while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SETTINGS = Settings().changed(
    kafka_security_protocol="SASL_PLAINTEXT",
    kafka_sasl_mechanism="PLAIN",
    kafka_sasl_username="ann",
    kafka_sasl_password="open-sesame-7",
    kafka_timeout_seconds=20.0,
)
API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
REFUSED = 58


class RefusingBroker:
    """Speaks as much of Kafka's protocol as it takes to say no."""

    def __init__(self, mechanisms: list[str]) -> None:
        self._mechanisms = mechanisms
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"kafka://127.0.0.1:{self._server.getsockname()[1]}/events"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError, struct.error):
                while self._answer(connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; False after the last."""
        (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
        request = connection.recv(size, socket.MSG_WAITALL)
        key, version, number = struct.unpack(">hhi", request[:8])
        response = self._response(key, version)
        response.with_header(correlation_id=number)
        content = response.encode(header=True, framed=True)
        if key != SASL_AUTHENTICATE:
            connection.sendall(content)
            return True
        # The refusal and the end of the connection arrive in one packet.
        connection.send(content, socket.MSG_MORE)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        return False

    def _response(self, key: int, version: int) -> Any:
        from kafka.protocol.metadata import ApiVersionsResponse
        from kafka.protocol.sasl import SaslAuthenticateResponse, SaslHandshakeResponse

        if key == API_VERSIONS:
            known = [(3, 12), (API_VERSIONS, 3), (SASL_HANDSHAKE, 1), (SASL_AUTHENTICATE, 2)]
            entries = [
                ApiVersionsResponse.ApiVersion(api_key=api, min_version=0, max_version=most)
                for api, most in known
            ]
            return ApiVersionsResponse[min(version, 3)](error_code=0, api_keys=entries, throttle_time_ms=0)
        if key == SASL_HANDSHAKE:
            code = 0 if "PLAIN" in self._mechanisms else 33
            return SaslHandshakeResponse[version](error_code=code, mechanisms=self._mechanisms)
        return SaslAuthenticateResponse[version](
            error_code=REFUSED, error_message="no such user", auth_bytes=b"", session_lifetime_ms=0
        )


@pytest.fixture
def mechanisms() -> list[str]:
    return ["PLAIN"]


@pytest.fixture
def broker(mechanisms: list[str]) -> Iterator[RefusingBroker]:
    made = RefusingBroker(mechanisms)
    yield made
    made.stop()


def test_a_refusal_that_comes_together_with_the_hanging_up_is_told_at_the_first_time(broker):
    with pytest.raises(ConfigError, match=r"refused user 'ann'.*check kafka_sasl_username") as refused:
        open_stream(broker.url, settings=SETTINGS)
    assert broker.connections == 1
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("mechanisms", [["SCRAM-SHA-512"]])
def test_a_broker_without_our_mechanism_is_told_from_one_that_is_down(broker):
    with pytest.raises(ConfigError, match="does not offer PLAIN"):
        open_stream(broker.url, settings=SETTINGS)
    assert broker.connections == 1


@pytest.mark.slow
def test_a_broker_that_accepts_and_is_silent_is_unavailable_within_the_time_also_with_tls():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"kafka://127.0.0.1:{silent.getsockname()[1]}/events"
        for protocol in ("PLAINTEXT", "SSL"):
            settings = Settings().changed(kafka_security_protocol=protocol, kafka_timeout_seconds=0.5)
            with pytest.raises(UnavailableError, match=f"within 0.5 s over {protocol}"):
                open_stream(url, settings=settings)


def test_no_thread_is_left_by_a_refusal(broker):
    before = set(threading.enumerate())
    for _ in range(3):
        with pytest.raises(ConfigError):
            open_stream(broker.url, settings=SETTINGS.changed(kafka_timeout_seconds=5.0))
    assert set(threading.enumerate()) == before
