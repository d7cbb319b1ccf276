"""What may stand in a function.yaml: Nuclio 1.14's keys, with the kind of each. Its own reader takes any."""

from __future__ import annotations

from modelmon.deploying.checking.kinds import (
    ANYTHING,
    COUNT,
    DURATION,
    FLAG,
    QUANTITY,
    TEXT,
    WHOLE,
    Choice,
    Keys,
    Kind,
    ListOf,
    MapOf,
)
from modelmon.deploying.checking.known_trigger_keys import SERVICE_TYPE

METADATA = Keys(
    {
        "name": TEXT,
        "namespace": TEXT,
        "labels": MapOf(TEXT),
        "annotations": MapOf(TEXT),
        "resourceVersion": TEXT,
    }
)
_REFERENCE = Keys({"name": TEXT, "key": TEXT, "optional": FLAG})
ENVIRONMENT = Keys(
    {
        "name": TEXT,
        "value": TEXT,
        "valueFrom": Keys(
            {
                "secretKeyRef": _REFERENCE,
                "configMapKeyRef": _REFERENCE,
                "fieldRef": Keys({"fieldPath": TEXT, "apiVersion": TEXT}),
                "resourceFieldRef": Keys({"containerName": TEXT, "resource": TEXT, "divisor": QUANTITY}),
            }
        ),
    }
)
_SOURCE = Keys({"name": TEXT, "optional": FLAG})
ENVIRONMENT_FROM = Keys({"prefix": TEXT, "secretRef": _SOURCE, "configMapRef": _SOURCE})
_VOLUME_KINDS = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "configMap", "csi", "downwardAPI",
    "emptyDir", "ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs",
    "iscsi", "nfs", "photonPersistentDisk", "portworxVolume", "projected", "quobyte", "rbd", "scaleIO",
    "storageos", "vsphereVolume",
)  # fmt: skip
VOLUME = Keys(
    {
        "volume": Keys(
            {
                "name": TEXT,
                "hostPath": Keys({"path": TEXT, "type": TEXT}),
                "secret": Keys(
                    {"secretName": TEXT, "items": ANYTHING, "defaultMode": WHOLE, "optional": FLAG}
                ),
                "persistentVolumeClaim": Keys({"claimName": TEXT, "readOnly": FLAG}),
                **dict.fromkeys(_VOLUME_KINDS, ANYTHING),
            }
        ),
        "volumeMount": Keys(
            {
                "name": TEXT,
                "mountPath": TEXT,
                "readOnly": FLAG,
                "recursiveReadOnly": TEXT,
                "subPath": TEXT,
                "subPathExpr": TEXT,
                "mountPropagation": TEXT,
            }
        ),
    }
)
_COPY = ("preCopy", "postCopy")
_DIRECTIVES = ListOf(Keys({"kind": TEXT, "value": TEXT}))
BUILD = Keys(
    {
        **dict.fromkeys(
            ("path", "functionSourceCode", "functionConfigPath", "tempDir", "registry", "baseImageRegistry",
             "image", "baseImage", "onbuildImage", "builderServiceAccount"), TEXT
        ),
        **dict.fromkeys(("noBaseImagesPull", "noCache", "noCleanup", "offline"), FLAG),
        **dict.fromkeys(("commands", "scriptPaths", "dependencies", "flags"), ListOf(TEXT)),
        **dict.fromkeys(("addedPaths", "args"), MapOf(TEXT)),
        **dict.fromkeys(("runtimeAttributes", "codeEntryAttributes"), MapOf(ANYTHING)),
        "directives": Keys(dict.fromkeys(_COPY, _DIRECTIVES), frozenset(_COPY)),
        "codeEntryType": Choice(("git", "archive", "s3", "image", "sourceCode", "github")),
        "mode": Choice(("neverBuild", "alwaysBuild")),
        "timestamp": COUNT,
        "buildTimeoutSeconds": COUNT,
    }
)  # fmt: skip
PLATFORM_ATTRIBUTES = Keys(  # Docker's alone
    {
        "network": TEXT,
        "restartPolicy": Keys(
            {"name": Choice(("no", "always", "on-failure", "unless-stopped")), "maximumRetryCount": COUNT}
        ),
        "mountMode": Choice(("bind", "volume")),
        "healthCheckInterval": DURATION,
    },
    frozenset(("healthCheckInterval",)),
)
_SPEC_OF_KUBERNETES: dict[str, Kind] = dict.fromkeys(
    ("affinity", "tolerations", "securityContext", "sidecars", "initContainers", "deploymentStrategy",
     "customScalingMetricSpecs", "autoScaleMetrics", "scaleToZero", "dataBindings"), ANYTHING
)  # fmt: skip
SPEC = Keys(
    {
        **_SPEC_OF_KUBERNETES,
        **dict.fromkeys(
            ("description", "handler", "runtime", "image", "imageHash", "alias", "runRegistry",
             "imagePullSecrets", "dealerURI", "serviceAccount", "nodeName", "priorityClassName",
             "preemptionPolicy"), TEXT
        ),
        **dict.fromkeys(
            ("disable", "publish", "disableDefaultHTTPTrigger", "disableSensitiveFieldsMasking", "hostIPC",
             "waitReadinessTimeoutBeforeFailure"), FLAG
        ),
        **dict.fromkeys(
            ("replicas", "minReplicas", "maxReplicas", "targetCPU", "readinessTimeoutSeconds"), COUNT
        ),
        "version": WHOLE,
        "env": ListOf(ENVIRONMENT),
        "envFrom": ListOf(ENVIRONMENT_FROM),
        "resources": Keys({"limits": MapOf(QUANTITY), "requests": MapOf(QUANTITY), "claims": ANYTHING}),
        "triggers": MapOf(ANYTHING),  # by their kind: trigger_schema
        "volumes": ListOf(VOLUME),
        "build": BUILD,
        "runtimeAttributes": MapOf(ANYTHING),
        "loggerSinks": ListOf(Keys({"level": Choice(("debug", "info", "warn", "error")), "sink": TEXT})),
        "platform": Keys({"attributes": PLATFORM_ATTRIBUTES}),
        "serviceType": SERVICE_TYPE,
        "imagePullPolicy": Choice(("Always", "IfNotPresent", "Never")),
        "devices": ListOf(TEXT),
        "nodeSelector": MapOf(TEXT),
        "eventTimeout": DURATION,
        "preemptionMode": Choice(("allow", "constrain", "prevent", "none")),
    }
)  # fmt: skip
DOCUMENT = Keys(
    {
        "apiVersion": Choice(("nuclio.io/v1", "nuclio.io/v1beta1")),
        "kind": Choice(("NuclioFunction",)),
        "metadata": METADATA,
        "spec": SPEC,
    }
)
