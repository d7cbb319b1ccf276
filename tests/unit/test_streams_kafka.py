"""What a Kafka stream's address and settings say, without a broker."""

from __future__ import annotations

import logging

import pytest

from modelmon.errors import ConfigError
from modelmon.settings import Settings
from modelmon.streams import open_stream

# kafka-python warns about Python 3.11 itself while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SASL = {
    "kafka_security_protocol": "SASL_PLAINTEXT",
    "kafka_sasl_mechanism": "PLAIN",
    "kafka_sasl_username": "ann",
    "kafka_sasl_password": "open-sesame-7",
}


@pytest.mark.parametrize(
    ("url", "brokers", "topic"),
    [
        ("kafka://one:9092/events", ("one:9092",), "events"),
        ("kafka://one/events", ("one:9092",), "events"),
        ("kafka://one:1,two:2/app-a_b.c", ("one:1", "two:2"), "app-a_b.c"),
    ],
)
def test_an_address_names_brokers_and_a_topic(url, brokers, topic):
    from modelmon.streams.kafka_settings import read_address

    address = read_address(url)
    assert (address.brokers, address.topic) == (brokers, topic)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("kafka://one:9092", "no topic"),
        ("kafka://one:9092/", "no topic"),
        ("kafka://one:9092/a/b", "no topic"),
        ("kafka://one:9092/..", "no topic"),
        ("kafka://one:9092/größe", "no topic"),
        (f"kafka://one:9092/{'x' * 250}", "no topic"),
        ("kafka:///events", "no broker"),
        ("kafka://one:9092,/events", "no broker"),
        ("kafka://one:port/events", "no broker"),
    ],
)
def test_an_address_that_is_none_is_refused(url, problem):
    with pytest.raises(ConfigError, match=problem):
        open_stream(url)


def test_credentials_in_an_address_are_refused_and_not_shown():
    with pytest.raises(ConfigError, match="kafka_sasl_password") as refused:
        open_stream("kafka://ann:open-sesame-7@one:9092/events")
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kafka_security_protocol": "PLAINTEXT"}, "kafka_sasl_mechanism is PLAIN"),
        ({"kafka_sasl_mechanism": ""}, "kafka_sasl_mechanism: not set"),
        ({"kafka_sasl_username": ""}, "kafka_sasl_username: not set"),
        ({"kafka_sasl_password": ""}, "kafka_sasl_password: not set"),
        ({"kafka_ssl_cafile": "/not/there.pem"}, "kafka_ssl_cafile: there is no file '/not/there.pem'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_a_broker_is_asked(changes, problem):
    with pytest.raises(ConfigError, match=problem) as refused:
        open_stream("kafka://127.0.0.1:1/events", settings=Settings(**{**SASL, **changes}))
    assert "sesame" not in str(refused.value)


def test_a_stream_has_at_least_one_partition():
    with pytest.raises(ConfigError, match="at least 1 partition"):
        open_stream("kafka://127.0.0.1:1/events", 0)


def test_a_password_shows_nowhere_in_a_configuration():
    from modelmon.streams.kafka_settings import client_options, read_address

    settings = Settings(**SASL)
    options = client_options(read_address("kafka://one/events"), settings)
    assert options["sasl_plain_password"] == "open-sesame-7"
    assert "sesame" not in f"{settings} {options} {options['sasl_plain_password']!r}"


def test_a_password_of_the_wrong_type_is_not_shown():
    with pytest.raises(ConfigError, match="kafka_sasl_password: expected str, got list") as refused:
        Settings.load(environ={}, kafka_sasl_password=["open-sesame-7"])
    assert "sesame" not in str(refused.value)


def test_requests_that_carry_a_password_do_not_reach_the_log(caplog):
    from kafka.protocol.sasl import SaslAuthenticateRequest

    from modelmon.streams.kafka_settings import client_options, read_address

    client_options(read_address("kafka://one/events"), Settings(**SASL))
    log = logging.getLogger("kafka.net.connection")
    with caplog.at_level(logging.DEBUG):
        log.debug("%s Request %d: %s", "connection", 1, SaslAuthenticateRequest(b"\0ann\0open-sesame-7"))
        log.debug("another request")
    assert [record.message for record in caplog.records] == ["another request"]
