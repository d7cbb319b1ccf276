"""The address of a Kafka topic. Credentials stand in settings only, never in a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelmon.errors import ConfigError
from modelmon.secrecy import shown_address

PREFIX = "kafka://"
TOPIC = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
DEFAULT_PORT = 9092


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
