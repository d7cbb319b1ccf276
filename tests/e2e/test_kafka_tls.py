"""Kafka streams over TLS: who is trusted, who is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from modelmon.errors import ConfigError
from modelmon.settings import Settings
from modelmon.streams import open_stream
from services import certificates, kafka
from services.kafka import KafkaBroker

pytestmark = [
    *kafka.needs_kafka("kafka-tls"),
    pytest.mark.skipif(bool(certificates.MISSING), reason=certificates.MISSING),
]
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    broker = KafkaBroker(tls=True)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def with_certificate(broker: KafkaBroker) -> Settings:
    """Of a client that both sides know."""
    client = broker.certificate("client")
    return kafka.SETTINGS.changed(
        kafka_security_protocol="SSL",
        kafka_ssl_cafile=broker.certificate("ca"),
        kafka_ssl_certfile=client,
        kafka_ssl_keyfile=client,
    )


@pytest.fixture
def with_password(broker: KafkaBroker) -> Settings:
    return kafka.SETTINGS.changed(
        kafka_security_protocol="SASL_SSL",
        kafka_ssl_cafile=broker.certificate("ca"),
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username=kafka.USER,
        kafka_sasl_password=kafka.PASSWORD,
    )


def check_stream(url: str, settings: Settings) -> None:
    """A message goes there and comes back."""
    stream = open_stream(url, settings=settings)
    stream.publish([("k", b"1")])
    consumer = stream.consumer("g")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (messages := consumer.poll(1, 0.2)):
        assert time.monotonic() < deadline
    assert [message.body for message in messages] == [b"1"]
    stream.close()


def test_a_client_with_a_certificate_publishes_and_reads(broker, with_certificate):
    check_stream(f"kafka://127.0.0.1:{broker.tls_port}/tls", with_certificate)


def test_a_client_with_a_password_publishes_and_reads_over_tls(broker, with_password):
    check_stream(f"kafka://127.0.0.1:{broker.sasl_tls_port}/sasl-tls", with_password)


def test_a_wrong_password_over_tls_is_a_config_error(broker, with_password):
    wrong = with_password.changed(kafka_sasl_password="not-the-password-9")
    with pytest.raises(ConfigError, match="refused user 'modelmon'") as refused:
        open_stream(f"kafka://127.0.0.1:{broker.sasl_tls_port}/sasl-tls", settings=wrong)
    assert "not-the-password-9" not in str(refused.value)


def test_a_broker_that_nobody_vouches_for_is_a_config_error(broker, with_password):
    unknown = with_password.changed(kafka_ssl_cafile="")
    with pytest.raises(ConfigError, match=r"certificate was refused.*check kafka_ssl_cafile"):
        open_stream(f"kafka://127.0.0.1:{broker.sasl_tls_port}/sasl-tls", settings=unknown)


def test_a_client_without_a_certificate_where_one_is_asked_for_is_told(broker, with_certificate):
    none = with_certificate.changed(kafka_ssl_certfile="", kafka_ssl_keyfile="")
    with pytest.raises(ConfigError, match=r"certificate was refused.*kafka_ssl_certfile"):
        open_stream(f"kafka://127.0.0.1:{broker.tls_port}/tls", settings=none)
