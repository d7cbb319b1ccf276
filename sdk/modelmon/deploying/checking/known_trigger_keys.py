"""What may stand in a trigger of a function.yaml, by the trigger's kind (Nuclio 1.14)."""

from __future__ import annotations

from modelmon.deploying.checking.kinds import (
    ANYTHING,
    COUNT,
    DURATION,
    FLAG,
    TEXT,
    Choice,
    Keys,
    Kind,
    ListOf,
    MapOf,
)
from modelmon.function_spec.nuclio_rules import ACK_MODES, KAFKA_KINDS, V3IO_KINDS

TRIGGER: dict[str, Kind] = {
    **dict.fromkeys(
        ("class", "kind", "name", "url", "username", "password", "secret", "workerAllocatorName"), TEXT
    ),
    "numWorkers": COUNT,
    "disabled": FLAG,
    "paths": ListOf(TEXT),
    "partitions": ANYTHING,
    "annotations": MapOf(TEXT),
    "workerTerminationTimeout": DURATION,
    "workerAvailabilityTimeoutMilliseconds": COUNT,
    "explicitAckMode": Choice(ACK_MODES),
    "waitExplicitAckDuringRebalanceTimeout": DURATION,
    "batch": Keys({"mode": Choice(("enable", "disable")), "batchSize": COUNT, "timeout": DURATION}),
    # since 1.15, for Python behind HTTP
    "mode": Choice(("sync", "async")),
    "async": Keys({"maxConnectionsNumber": COUNT}),
}  # fmt: skip
SERVICE_TYPE = Choice(("ClusterIP", "NodePort"))  # Nuclio refuses Kubernetes' other ones
ALLOCATION = Choice(("static", "pool"))
HTTP: dict[str, Kind] = {
    **dict.fromkeys(("port", "maxRequestBodySize", "readBufferSize"), COUNT),
    **dict.fromkeys(("reduceMemoryUsage", "disablePortPublishing"), FLAG),
    "serviceType": SERVICE_TYPE,
    "mode": Choice(("sync", "async")),
    "streamingFlushPeriod": DURATION,
    "ingresses": MapOf(
        Keys(
            {
                **dict.fromkeys(("host", "hostTemplate", "secretName"), TEXT),
                "paths": ListOf(TEXT),
                "pathType": Choice(("Exact", "Prefix", "ImplementationSpecific")),
            }
        )
    ),
    "cors": Keys(
        {
            **dict.fromkeys(("enabled", "allowCredentials"), FLAG),
            **dict.fromkeys(("allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders"), ListOf(TEXT)),
            "preflightMaxAgeSeconds": COUNT,
        }
    ),
}
CRON: dict[str, Kind] = {
    "interval": DURATION,
    "schedule": TEXT,
    "event": Keys({"body": TEXT, "headers": MapOf(TEXT), "path": TEXT, "method": TEXT}),
    "concurrencyPolicy": Choice(("Allow", "Forbid", "Replace"), any_case=True),
    "jobBackoffLimit": COUNT,
}
KAFKA: dict[str, Kind] = {
    "brokers": ListOf(TEXT),
    "topics": ListOf(TEXT),
    **dict.fromkeys(
        ("consumerGroup", "caCert", "accessKey", "accessCertificate", "secretPath", "version"), TEXT
    ),
    "initialOffset": Choice(("earliest", "latest"), any_case=True),
    "balanceStrategy": Choice(("range", "roundrobin", "sticky"), any_case=True),
    "workerAllocationMode": ALLOCATION,
    "sasl": Keys(
        {
            **dict.fromkeys(("enable", "handshake"), FLAG),
            **dict.fromkeys(("user", "password"), TEXT),
            "mechanism": Choice(("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")),
            "oauth": Keys(
                {
                    **dict.fromkeys(("clientID", "clientSecret", "tokenURL"), TEXT),
                    "scopes": ListOf(TEXT),
                }
            ),
        }
    ),
    "tls": Keys({"enable": FLAG, "insecureSkipVerify": FLAG, "minimumVersion": Choice(("1.2", "1.3"))}),
    **dict.fromkeys(
        ("sessionTimeout", "heartbeatInterval", "maxProcessingTime", "rebalanceTimeout",
         "rebalanceRetryBackoff", "retryBackoff", "maxWaitTime", "maxWaitHandlerDuringRebalance"), DURATION
    ),
    **dict.fromkeys(
        ("rebalanceRetryMax", "fetchMin", "fetchDefault", "fetchMax", "channelBufferSize", "logLevel",
         "ackWindowSize"), COUNT
    ),
}  # fmt: skip
V3IO: dict[str, Kind] = {
    **dict.fromkeys(("containerName", "streamPath", "consumerGroup"), TEXT),
    "seekTo": Choice(("latest", "earliest")),
    "workerAllocationMode": ALLOCATION,
    **dict.fromkeys(
        ("readBatchSize", "numTransportWorkers", "pollingIntervalMs", "recordBatchSizeChan", "ackWindowSize",
         "logLevel"), COUNT
    ),
    **dict.fromkeys(
        ("sessionTimeout", "heartbeatInterval", "sequenceNumberCommitInterval",
         "sequenceNumberShardWaitInterval"), DURATION
    ),
}  # fmt: skip
ATTRIBUTES = {
    "http": Keys(HTTP, frozenset(("port", "ingresses", "serviceType"))),
    "cron": Keys(CRON),
    **dict.fromkeys(KAFKA_KINDS, Keys(KAFKA, frozenset(("ackWindowSize",)))),
    **dict.fromkeys(V3IO_KINDS, Keys(V3IO)),
}
UNCHECKED_KINDS = ("kinesis", "nats", "mqtt", "rabbit-mq", "eventhub", "pubsub", "azure-service-bus")
"""Kinds that Nuclio has and we don't use: their attributes are taken as they are."""
ANNOTATIONS = tuple(
    f"nuclio.io/kafka-{name}"
    for name in (
        "session-timeout", "heartbeat-interval", "max-processing-time", "rebalance-timeout",
        "rebalance-retry-backoff", "retry-backoff", "balance-strategy", "max-wait-time",
        "max-wait-handler-during-rebalance", "worker-allocation-mode", "rebalance-retry-max", "fetch-min",
        "fetch-default", "fetch-max", "channel-buffer-size", "access-key", "access-cert", "ca-cert",
        "version", "secret-path", "log-level", "tls-enabled", "tls-insecure-skip-verify",
        "tls-minimum-version",
        "sasl-enabled", "sasl-user", "sasl-password", "sasl-mechanism", "sasl-handshake",
        "sasl-oauth-client-id", "sasl-oauth-client-secret", "sasl-oauth-token-url", "sasl-oauth-scopes",
        "window-size", "explicit-ack-mode",
    )
)  # fmt: skip
"""Of a function's metadata: what all its Kafka triggers take from there."""
