"""What the settings say of Kafka. What its protocol and kafka-python have no room for is refused."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How topics are made, how long a call may take, and how the brokers are signed on to."""

    kafka_replication: int = setting(
        0,
        "Copies of each partition of a topic that is created; 0: the broker's default.",
        section="Kafka",
        least=0,
        most=2**15 - 1,
    )
    kafka_missing_topic: str = setting(
        "create",
        "A topic that does not exist: create it, or refuse to go on. A process creates a topic once at most; "
        "workers of `modelmon up` that are started again refuse.",
        choices=("create", "refuse"),
    )
    kafka_max_message_bytes: int = setting(
        8 * 2**20,
        "A topic that is created takes messages and batches of at most this size.",
        least=1024,
        most=2**30,
    )
    kafka_compression: str = setting(
        "none",
        "How messages are compressed; gzip needs no library of its own.",
        choices=("none", "gzip", "lz4", "snappy", "zstd"),
    )
    kafka_timeout_seconds: float = setting(
        10.0, "How long a call waits for Kafka before it is unavailable.", least=0.1, most=DAY_SECONDS
    )
    kafka_retention_hours: float = setting(
        0.0,
        "As stream_retention_hours, for topics of the project; 0 leaves them to the brokers. Groups that the "
        "user may not see don't count.",
        least=0,
    )
    kafka_session_seconds: float = setting(
        10.0,
        "A consumer that is silent for this long has died: its partitions go to others.",
        least=0.1,
        most=DAY_SECONDS,
    )
    kafka_security_protocol: str = setting(
        "PLAINTEXT",
        "Security protocol of the brokers' listener.",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        credential=True,
    )
    kafka_sasl_mechanism: str = setting(
        "",
        "How the user proves who it is, over SASL_PLAINTEXT and SASL_SSL.",
        choices=("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        credential=True,
    )
    kafka_sasl_username: str = setting("", "User name at Kafka.", credential=True)
    kafka_sasl_password: str = setting("", "The user's password; never shown.", secret=True, credential=True)
    kafka_ssl_cafile: str = setting(
        "",
        "PEM file of the authority that signed the brokers' certificates. Empty: the system's authorities.",
        credential=True,
    )
    kafka_ssl_certfile: str = setting(
        "", "PEM file of the client's certificate, where the brokers ask for one."
    )
    kafka_ssl_keyfile: str = setting("", "PEM file of that certificate's private key.")

    def __post_init__(self) -> None:
        check(self)
