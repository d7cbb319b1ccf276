"""A Kafka broker of our own: one node (KRaft), on free loopback ports, in a folder that goes away with it."""

from __future__ import annotations

import atexit
import socket
import time
from functools import cache

import pytest

from modelmon.settings import Settings

from . import free_ports
from .certificates import make_certificates
from .install import KAFKA_VERSION, install_kafka, kafka_jars, missing_programs
from .server import Server, serve

START_SECONDS = 90.0
CLUSTER_ID = "bW9kZWxtb24ta2Fma2EtMQ"
QUICK_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # these brokers live for seconds
USER, GUEST, PASSWORD = "modelmon", "guest", "open-sesame-7"  # of the SASL listener
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{user}="{password}" user_{guest}="{password}";
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
# A broker that was killed is forgotten after this long, and can't come back before.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.enable=false
log.dirs={folder}/data
"""
_TLS_PROPERTIES = """\
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},CONTROLLER://127.0.0.1:{controller},\
SSL://127.0.0.1:{tls_port},SASL_SSL://127.0.0.1:{sasl_tls_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},\
SSL://127.0.0.1:{tls_port},SASL_SSL://127.0.0.1:{sasl_tls_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,\
SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{user}="{password}";
"""


class KafkaBroker(Server):
    """A broker that listens in each of the ways that the settings know."""

    title = "Kafka"

    def __init__(self, version: str = KAFKA_VERSION, *, tls: bool = False) -> None:
        """With `tls` it also listens for SSL, where clients need a certificate, and for SASL_SSL."""
        install_kafka(version)
        self._version = version
        super().__init__()
        self.port, self.sasl_port, self.tls_port, self.sasl_tls_port, controller = free_ports(5)
        self._properties = self._folder / "server.properties"
        if tls:
            make_certificates(self._folder)
        self._properties.write_text(
            (_PROPERTIES + _TLS_PROPERTIES * tls).format(
                port=self.port, sasl_port=self.sasl_port, tls_port=self.tls_port,
                sasl_tls_port=self.sasl_tls_port, controller=controller,
                folder=self._folder, user=USER, guest=GUEST, password=PASSWORD,
            ),
            encoding="utf-8",
        )  # fmt: skip
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties)]
        self._prepare([*self._java("-Xmx128m"), *tool])

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def sasl_url(self) -> str:
        return f"kafka://127.0.0.1:{self.sasl_port}"

    def certificate(self, name: str) -> str:
        """File of `ca`, `broker` or `client`, the latter two with their keys."""
        return str(self._folder / f"{name}.pem")

    def _command(self) -> list[str]:
        return [*self._java("-Xmx512m", "-Xms128m"), "kafka.Kafka", str(self._properties)]

    def forget_guest(self) -> None:
        """The next time that it starts it does not know GUEST any more."""
        text = self._properties.read_text(encoding="utf-8")
        self._properties.write_text(text.replace(f"user_{GUEST}=", "user_nobody="), encoding="utf-8")

    def _answers(self) -> bool:
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}", bootstrap_timeout_ms=2_000)
        except (OSError, KafkaError):
            return False
        admin.close()
        return True

    def _java(self, *options: str) -> list[str]:
        return [
            "java",
            *options,
            *QUICK_START,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{kafka_jars(self._version)}/*",
        ]


def needs_kafka(group: str, *versions: str) -> list[pytest.MarkDecorator]:
    """Marks of tests on a broker of one of `versions`; those of one `group` run in one process."""
    missing = missing_programs(*versions or (KAFKA_VERSION,))
    return [
        pytest.mark.e2e,
        pytest.mark.xdist_group(group),
        pytest.mark.skipif(bool(missing), reason=missing),
    ]


NEEDS_KAFKA = needs_kafka("kafka")
"""Of tests that share a broker, which nobody stops."""
SETTINGS = Settings().changed(kafka_timeout_seconds=60.0, kafka_max_message_bytes=64 * 2**20)
"""For tests that are not about time, also on a machine that is very busy; messages may be huge."""


@cache
def shared_broker() -> KafkaBroker:
    """The broker that the tests of this process share; it ends with the process."""
    broker = KafkaBroker()
    atexit.register(broker.stop)
    broker.start()
    return broker


def delete_topic(url: str) -> None:
    """Delete a topic, and wait until the broker has forgotten it."""
    from kafka import KafkaAdminClient

    server, _, topic = url.removeprefix("kafka://").partition("/")
    admin = KafkaAdminClient(bootstrap_servers=server)
    admin.delete_topics([topic])
    deadline = time.monotonic() + START_SECONDS
    while topic in admin.list_topics():
        assert time.monotonic() < deadline, f"{topic} does not go away"
    admin.close()


def add_partitions(url: str, count: int) -> None:
    """Make the partitions of a topic `count`."""
    from kafka import KafkaAdminClient

    server, _, topic = url.removeprefix("kafka://").partition("/")
    admin = KafkaAdminClient(bootstrap_servers=server)
    admin.create_partitions({topic: count})
    admin.close()


if __name__ == "__main__":  # a broker to try things with: python -m tests.services.kafka [VERSION]
    import sys

    broker = KafkaBroker(*sys.argv[1:])
    broker.start()
    serve(broker, f"{broker.url} {broker.sasl_url}")
