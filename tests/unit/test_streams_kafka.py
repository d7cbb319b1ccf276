"""What a Kafka stream's address and settings say, without a broker."""

from __future__ import annotations

import logging
import struct
import subprocess
import sys

import pytest

from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.streams import open_stream
from modelmon.streams.kafka_settings import KafkaSettings

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
    from modelmon.streams.kafka_address import read_address

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
        ("kafka://one:99999/events", "no port from 1 to 65535"),
        ("kafka://one:0/events", "no port from 1 to 65535"),
        ("kafka://one two:9092/events", "has a blank"),
        ("kafka://one :9092/events", "has a blank"),
    ],
)
def test_an_address_that_is_none_is_refused(url, problem):
    with pytest.raises(ConfigError, match=problem):
        open_stream(url)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://ann:open-sesame-7@one:9092/events",
        "kafka://ann:open/sesame@one:9092/events",
        "kafka://ann:open?sesame@one:9092/events",
        "kafka://ann:open#sesame@one:9092/events",
        "kafka://ann:open[sesame@one:9092/events",
        "kafka://one:9092/events?topic=ann:sesame@one",
        "kafka://ann:sesame",
        "kafka://ann:sesame/events",
        "kafka://ann: sesame/events",
        "kafka://one:9092/events?password=sesame",
        "kafkas://ann:sesame@one:9092/events",
        "Kafka://ann:sesame@one:9092/events",
        "kafka:/ann:sesame@one:9092/events",
        "kafka:ann:sesame@one:9092/events",
        "kafka//ann:sesame@one:9092/events",
        "ann:sesame@one:9092/events",
        "sqlite://ann:sesame@one/events",
        "x://[sesame",
        "[sesame",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(url):
    with pytest.raises(ConfigError) as refused:
        open_stream(url)
    assert "sesame" not in str(refused.value)
    assert "open" not in str(refused.value)


def test_credentials_in_kafka_s_address_belong_in_settings():
    with pytest.raises(ConfigError, match="kafka_sasl_password"):
        open_stream("kafka://ann:open/sesame@one:9092/events")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kafka_security_protocol": "PLAINTEXT"}, "kafka_sasl_mechanism is"),
        (
            {"kafka_security_protocol": "PLAINTEXT", "kafka_sasl_mechanism": ""},
            "kafka_sasl_username is set, but kafka_security_protocol is PLAINTEXT",
        ),
        (
            {"kafka_security_protocol": "SSL", "kafka_sasl_mechanism": "", "kafka_sasl_username": ""},
            "kafka_sasl_password is set, but kafka_security_protocol is SSL",
        ),
        ({"kafka_sasl_mechanism": ""}, "kafka_sasl_mechanism: not set"),
        ({"kafka_sasl_username": ""}, "kafka_sasl_username: not set"),
        ({"kafka_sasl_password": ""}, "kafka_sasl_password: not set"),
        ({"kafka_ssl_cafile": "/not/there.pem"}, "kafka_ssl_cafile: there is no file '/not/there.pem'"),
        ({"kafka_ssl_cafile": __file__}, "kafka_ssl_cafile: .* holds no certificate in PEM"),
        ({"kafka_ssl_certfile": __file__}, "kafka_ssl_certfile, kafka_ssl_keyfile: .* hold no certificate"),
        ({"kafka_ssl_keyfile": __file__}, "kafka_ssl_keyfile: needs kafka_ssl_certfile"),
        ({"kafka_timeout_seconds": 1e9}, "kafka_timeout_seconds: must be a number from 0.1 to 86400"),
        ({"kafka_session_seconds": 1e7}, "kafka_session_seconds: must be a number from 0.1 to 86400"),
        ({"kafka_replication": 40_000}, "kafka_replication: must be a number from 0 to 32767"),
        (
            {"kafka_max_message_bytes": 2**31},
            "kafka_max_message_bytes: must be a number from 1024 to 1073741824",
        ),
    ],
    ids=range(14),
)
def test_settings_that_do_not_go_together_are_refused_before_a_broker_is_asked(changes, problem):
    with pytest.raises(ConfigError, match=problem) as refused:
        open_stream("kafka://127.0.0.1:1/events", settings=Settings().changed(**{**SASL, **changes}))
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("partitions", [0, 2**31])
def test_a_stream_has_at_least_one_partition_and_not_more_than_kafka_can_count(partitions):
    with pytest.raises(ConfigError, match="at least 1 partition, at most 100000, got"):
        open_stream("kafka://127.0.0.1:1/events", partitions)


def test_a_number_that_kafka_has_no_room_for_is_a_config_error():
    from modelmon.streams.kafka_address import read_address
    from modelmon.streams.kafka_client import CLIENT_ERRORS, port_error

    with pytest.raises(CLIENT_ERRORS) as raised:
        struct.pack(">h", 40_000)
    address = read_address("kafka://one/events")
    problem = port_error(raised.value, address, KafkaSettings(), "create the topic")
    assert isinstance(problem, ConfigError)
    assert "can't create the topic: a number is too large" in str(problem)


@pytest.mark.parametrize(
    ("codec", "package"), [("lz4", "lz4"), ("snappy", "python-snappy"), ("zstd", "zstandard")]
)
def test_a_message_whose_codec_is_missing_names_the_package(codec, package):
    from kafka.errors import UnsupportedCodecError

    from modelmon.streams.kafka_address import read_address
    from modelmon.streams.kafka_client import port_error

    error = UnsupportedCodecError(f"Libraries for {codec} compression codec not found")
    problem = port_error(error, read_address("kafka://one/events"), KafkaSettings(), "read")
    assert isinstance(problem, ConfigError)
    assert f"compressed with {codec}: pip install {package}" in str(problem)


def test_a_damaged_message_is_not_waited_for_and_a_publisher_tries_again():
    from kafka.errors import CorruptRecordError

    from modelmon.streams.kafka_address import read_address
    from modelmon.streams.kafka_client import port_error

    error, address = CorruptRecordError("batch at offset 7 failed crc check"), read_address("kafka://one/e")
    read = port_error(error, address, KafkaSettings(), "read")
    assert isinstance(read, ConfigError)
    assert "offset 7" in str(read)
    assert isinstance(port_error(error, address, KafkaSettings(), "publish"), UnavailableError)


def test_a_broker_that_is_down_is_told_by_our_error_alone(caplog):
    settings = Settings().changed(kafka_timeout_seconds=0.3)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(UnavailableError, match="another kafka_security_protocol than PLAINTEXT"),
    ):
        open_stream("kafka://127.0.0.1:1/events", settings=settings)
    assert [record.name for record in caplog.records if record.name.startswith("kafka")] == []


def test_who_has_set_a_level_for_kafka_s_log_keeps_it():
    script = """
import logging
logging.getLogger("kafka").setLevel(logging.INFO)
import modelmon.streams.kafka_client
print(logging.getLogger("kafka").level)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == logging.INFO


def test_a_password_shows_nowhere_in_a_configuration():
    from modelmon.streams.kafka_address import read_address
    from modelmon.streams.kafka_options import client_options

    settings = Settings().changed(**SASL)
    options = client_options(read_address("kafka://one/events"), settings.of(KafkaSettings))
    assert options["sasl_plain_password"] == "open-sesame-7"
    assert "sesame" not in f"{settings} {options} {options['sasl_plain_password']!r}"


def test_a_password_of_the_wrong_type_is_not_shown():
    with pytest.raises(ConfigError, match="kafka_sasl_password: expected str, got list") as refused:
        Settings.load(environ={}, kafka_sasl_password=["open-sesame-7"])
    assert "sesame" not in str(refused.value)


def test_requests_that_carry_a_password_do_not_reach_the_log(caplog):
    from kafka.protocol.sasl import SaslAuthenticateRequest

    from modelmon.streams.kafka_address import read_address
    from modelmon.streams.kafka_options import client_options

    client_options(read_address("kafka://one/events"), KafkaSettings(**SASL))
    log = logging.getLogger("kafka.net.connection")
    with caplog.at_level(logging.DEBUG, logger="kafka"):
        log.debug("%s Request %d: %s", "connection", 1, SaslAuthenticateRequest(b"\0ann\0open-sesame-7"))
        log.debug("another request")
    assert [record.message for record in caplog.records] == ["another request"]
