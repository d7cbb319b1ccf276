"""A function.yaml that is right, and the mistakes that can be made in it."""

from __future__ import annotations

RIGHT = """\
apiVersion: nuclio.io/v1beta1
kind: NuclioFunction
metadata:
  name: churn
  labels:
    nuclio.io/project-name: flights
spec:
  handler: main:handler
  runtime: "python:3.11"
  env:
    - name: MODELMON_PROJECT
      value: flights
  minReplicas: 1
  maxReplicas: 2
  build:
    baseImage: python:3.11-slim
    commands:
      - "@nuclio.postCopy"
      - pip install /opt/nuclio/modelmon.whl
  triggers:
    events:
      kind: kafka-cluster
      name: events
      numWorkers: 1
      explicitAckMode: explicitOnly
      workerTerminationTimeout: 10s
      attributes:
        brokers: ["kafka:9092"]
        topics: ["events"]
        consumerGroup: churn
        initialOffset: earliest
        workerAllocationMode: static
    tick:
      kind: cron
      name: tick
      numWorkers: 1
      attributes:
        interval: 10m
    http:
      kind: http
      name: http
      numWorkers: 1
"""
V3IO = """\
    stream:
      kind: v3ioStream
      numWorkers: 1
      explicitAckMode: explicitOnly
      url: http://v3io-webapi:8081
      attributes:
        containerName: users
        streamPath: /flights/events
        consumerGroup: churn
        seekTo: earliest
        workerAllocationMode: static
"""
EVENTS = "spec.triggers.events"
# name, what the text is, what it becomes, part of the key, of the problem, of the mend
MISTAKES = [
    (
        "unknown-top",
        "kind: NuclioFunction",
        "knd: NuclioFunction",
        "knd",
        "no key that Nuclio knows",
        "kind?",
    ),
    ("meta", "metadata:", "meta:", "meta", "no key", "write metadata"),
    ("kind", "kind: NuclioFunction", "kind: Function", "kind", "is unknown", "NuclioFunction"),
    ("version", "nuclio.io/v1", "nuclio.io/v2", "apiVersion", "is unknown", "did you mean nuclio.io/v1"),
    ("name-missing", "  name: churn\n", "", "metadata.name", "is missing", "give"),
    ("name-case", "name: churn\n", "name: Churn_1\n", "metadata.name", "'Churn_1' can't name", "lower-case"),
    ("label-number", "project-name: flights", "project-name: 5", "metadata.labels", "must be text", "quotes"),
    ("spec-key", "  minReplicas", "  minReplica", "spec.minReplica", "no key", "did you mean minReplicas?"),
    ("avatar", "  minReplicas: 1", "  avatar: x", "spec.avatar", "no key", "leave it out"),
    ("elsewhere", "  minReplicas: 1", "  baseImage: x", "spec.baseImage", "no key", "belongs in spec.build"),
    (
        "worker-place",
        "  minReplicas: 1",
        "  topics: [a]",
        "spec.topics",
        "no key",
        "the trigger's attributes",
    ),
    ("handler", "main:handler", "main.handler", "spec.handler", "is no handler", "module:function"),
    ("handler-missing", "  handler: main:handler\n", "", "spec.handler", "is missing", "main:handler"),
    ("runtime", 'python:3.11"', 'python:3.13"', "spec.runtime", "'python:3.13' is no Python", "3.11"),
    ("runtime-missing", '  runtime: "python:3.11"\n', "", "spec.runtime", "is missing", "python:3.11"),
    ("image", "python:3.11-slim", "python:3.12-slim", "baseImage", "another Python", "python:3.11-slim"),
    ("replicas-text", "minReplicas: 1", 'minReplicas: "1"', "spec.minReplicas", "must be a whole", "without"),
    (
        "replicas-order",
        "minReplicas: 1",
        "minReplicas: 3",
        "spec.minReplicas",
        "more than maxReplicas, 2",
        "",
    ),
    ("replicas-none", "maxReplicas: 2", "maxReplicas: 0", "spec.maxReplicas", "lets no replica run", ""),
    (
        "timeout-kills",
        "  minReplicas: 1",
        "  eventTimeout: 5m",
        "spec.eventTimeout",
        "kills a worker",
        "leave",
    ),
    ("env-twice", "  minReplicas: 1", "«env»", "spec.env[1].name", "twice", "keep one"),
    ("env-number", "value: flights", "value: 5", "spec.env[0].value", "must be text", "quotes"),
    ("env-setting", "MODELMON_PROJECT", "MODELMON_PROJEKT", "spec.env[0].name", "is no setting", "PROJECT?"),
    ("env-name", "MODELMON_PROJECT", "MODEL MON", "spec.env[0].name", "can't name a variable", ""),
    (
        "directives",
        "    baseImage",
        "    directives: {preCopy: [{kind: RUN, value: pwd}]}\n    baseImage",
        "directives",
        "dropped",
        "",
    ),
    (
        "needs-files",
        '      - "@nuclio.postCopy"\n      - pip install /opt/nuclio/modelmon.whl',
        "      - pip install -r requirements.txt",
        "spec.build.commands[0]",
        "before the function's files are there",
        "put @nuclio.postCopy before it",
    ),
    (
        "directive-needs-files",
        '    commands:\n      - "@nuclio.postCopy"\n      - pip install /opt/nuclio/modelmon.whl',
        "    directives: {preCopy: [{kind: RUN, value: pip3 install --requirement /opt/nuclio/own.txt}]}",
        "spec.build.directives.preCopy[0]",
        "before the function's files are there",
        "postCopy",
    ),
    (
        "source-code",
        "    baseImage",
        "    functionSourceCode: def handler()\n    baseImage",
        "spec.build.functionSourceCode",
        "is no base64",
        "encode the code",
    ),
    (
        "image-name",
        "python:3.11-slim",
        "'python 3.11'",
        "spec.build.baseImage",
        "no name that Docker",
        "slim",
    ),
    (
        "registry",
        "    baseImage",
        "    registry: https://r.example/a\n    baseImage",
        "spec.build.registry",
        "no name that Docker",
        "without http://",
    ),
    (
        "restart-word",
        "  minReplicas: 1",
        "  platform: {attributes: {restartPolicy: {name: Always}}}",
        "restartPolicy.name",
        "is unknown",
        "did you mean always?",
    ),
    (
        "platform-key",
        "  minReplicas: 1",
        "  platform: {attributes: {restart: always}}",
        "attributes.restart",
        "no key",
        "",
    ),
    (
        "directive-in-another-case",
        '    commands:\n      - "@nuclio.postCopy"\n      - pip install /opt/nuclio/modelmon.whl',
        "    directives: {precopy: [{kind: RUN, value: pwd}]}",
        "spec.build.directives.precopy",
        "no key",
        "did you mean preCopy?",
    ),
    (
        "port-in-another-case",
        "kind: http",
        "kind: http\n      attributes: {Port: 1}",
        "Port",
        "no key",
        "port?",
    ),
    ("service-type", "  minReplicas: 1", "  serviceType: LoadBalancer", "serviceType", "unknown", "NodePort"),
    (
        "port",
        "kind: http",
        "kind: http\n      attributes: {port: 70000}",
        "attributes.port",
        "no port",
        "65535",
    ),
    (
        "nothing-calls",
        RIGHT[RIGHT.index("  triggers:") :],
        "  disableDefaultHTTPTrigger: true\n",
        "spec.triggers",
        "nothing calls the function",
        "add a trigger",
    ),
    ("pre-copy", "@nuclio.postCopy", "@nuclio.preCopy", "commands[0]", "would be run", "postCopy"),
    (
        "build-key",
        "    baseImage",
        "    baseImages",
        "spec.build.baseImages",
        "no key",
        "did you mean baseImage?",
    ),
    (
        "trigger-kind",
        "kind: kafka-cluster",
        "kind: kafka-clster",
        f"{EVENTS}.kind",
        "no kind",
        "kafka-cluster?",
    ),
    ("trigger-key", "explicitAckMode", "explicitAck", f"{EVENTS}.explicitAck", "no key", "explicitAckMode?"),
    ("trigger-name", "name: events", "name: event", f"{EVENTS}.name", "another name than", "write events"),
    (
        "workers-0",
        "name: events\n      numWorkers: 1",
        "name: events\n      numWorkers: 0",
        "numWorkers",
        "not given",
        "",
    ),
    ("ack-mode", "explicitOnly", "explicit", "explicitAckMode", "is unknown", "explicitOnly"),
    ("ack-enable", "explicitOnly", "enable", "explicitAckMode", "asked not to", "write explicitOnly"),
    (
        "pool",
        "AllocationMode: static",
        "AllocationMode: pool",
        "workerAllocationMode",
        "not static",
        "static",
    ),
    ("duration", "10s", "10", f"{EVENTS}.workerTerminationTimeout", "must be a Go duration", "10s, 5m"),
    ("duration-day", "10s", "1d", f"{EVENTS}.workerTerminationTimeout", "must be a Go duration", "10s, 5m"),
    ("attribute", "initialOffset", "initialOfset", "initialOfset", "no key", "did you mean initialOffset?"),
    ("topic", "topics:", "topic:", "attributes.topic", "no key", "write topics, a list"),
    ("topics-text", 'topics: ["events"]', "topics: events", "attributes.topics", "must be a list", ""),
    (
        "topics-empty",
        'topics: ["events"]',
        "topics: []",
        "attributes.topics",
        "is missing",
        "list the topics",
    ),
    ("group", "consumerGroup: churn", "consumerGroup:", "consumerGroup", "is missing", "name the group"),
    ("brokers", '["kafka:9092"]', '[""]', "attributes.brokers", "is missing, and so is url", "host:port"),
    ("offset", "initialOffset: earliest", "initialOffset: first", "initialOffset", "is unknown", "earliest"),
    (
        "strategy",
        "initialOffset:",
        "balanceStrategy: random\n        initialOffset:",
        "balanceStrategy",
        "is unknown",
        "",
    ),
    (
        "tls",
        "initialOffset:",
        "tls: {minVersion: '1.2'}\n        initialOffset:",
        "tls.minVersion",
        "no key",
        "minimumVersion",
    ),
    (
        "kafka-batch",
        "      workerTermination",
        "      batch: {mode: enable}\n      workerTermination",
        "batch",
        "ignored by a kafka",
        "",
    ),
    (
        "cron-both",
        "interval: 10m",
        'interval: 10m\n        schedule: "@daily"',
        "tick",
        "interval and schedule",
        "",
    ),
    ("cron-none", "interval: 10m", "event: {body: x}", "tick", "neither", "interval: 10m"),
    ("cron-zero", "interval: 10m", "interval: 0s", "attributes.interval", "no time between", ""),
    (
        "cron-schedule",
        "interval: 10m",
        'schedule: "* * *"',
        "attributes.schedule",
        "is no schedule",
        "@every",
    ),
    (
        "http-two",
        "  triggers:\n",
        "  triggers:\n    web: {kind: http, numWorkers: 1}\n",
        "spec.triggers.http",
        "second http",
        "",
    ),
    (
        "http-attribute",
        "kind: http",
        "kind: http\n      attributes: {maxBody: 1}",
        "maxBody",
        "no key",
        "there are",
    ),
    (
        "http-batch",
        "kind: http",
        "kind: http\n      batch: {mode: enable, batchSize: 5}",
        "timeout",
        "refuses",
        "1s",
    ),
    (
        "annotation",
        "  labels:",
        "  annotations: {nuclio.io/kafka-sasl-pasword: a}\n  labels:",
        "pasword",
        "no annotation",
        "password?",
    ),
    (
        "volume",
        "  minReplicas: 1",
        "  volumes: [{volume: {name: a}, volumeMount: {name: b}}]",
        "volumes[0]",
        "two names, a and b",
        "",
    ),
    (
        "quantity",
        "  minReplicas: 1",
        "  resources: {limits: {memory: 1GB}}",
        "limits.memory",
        "'1GB' must be",
        "512Mi",
    ),
    ("twice", "  minReplicas: 1", "  maxReplicas: 2", "spec.maxReplicas", "stands there twice", "keep one"),
    ("placeholder", "name: churn\n", "name: ${nam}\n", "${nam}", "no placeholder", "did you mean name?"),
]
TWICE = "  env:\n    - name: A\n      value: b\n    - name: A\n      value: c\n"

WARNINGS = [
    ("max-workers", "name: events\n      numW", "name: events\n      maxW", "is deprecated, and gone from"),
    ("namespace", "  labels:", "  namespace: cvat\n  labels:", "is overwritten by nuctl"),
    ("listens", "kind: http", 'kind: http\n      url: ":9000"', "is not port 8080"),
    ("no-triggers", RIGHT[RIGHT.index("  triggers:") :], "", "Nuclio adds an http trigger"),
    ("key-in-another-case", "  minReplicas", "  MinReplicas", "is read as minReplicas by Nuclio"),
    (
        "trigger-key-in-another-case",
        "numWorkers: 1\n      explicit",
        "numworkers: 1\n      explicit",
        "read as numWorkers",
    ),
    ("attribute-in-another-case", "consumerGroup:", "ConsumerGroup:", "read as consumerGroup"),
    ("latest-in-another-case", "initialOffset: earliest", "initialOffset: Latest", "never read"),
    ("latest", "initialOffset: earliest", "initialOffset: latest", "never read"),
    ("offset-missing", "        initialOffset: earliest\n", "", "is missing, and Nuclio takes latest"),
    ("ack-missing", "      explicitAckMode: explicitOnly\n", "", "acknowledged all the same"),
    ("workers-missing", "name: tick\n      numWorkers: 1\n", "name: tick\n", "Nuclio takes 1"),
    ("alias", '"python:3.11"', "python", "another Python in each version"),
    ("old-python", 'python:3.11"', 'python:3.9"', "gone from Nuclio 1.15.11"),
    (
        "secret-path",
        "initialOffset:",
        "secretPath: /s\n        initialOffset:",
        "does nothing among the attributes",
    ),
    (
        "password",
        "initialOffset:",
        "sasl: {password: hunter2}\n        initialOffset:",
        "for everyone who can read",
    ),
    ("default-http", "kind: http", "kind: cron\n      attributes: {interval: 1m}", "one more Python process"),
]
