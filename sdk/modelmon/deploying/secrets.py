"""Passwords, keys and certificates: which there are, and how they reach a function without its bundle.

Two readers need them. Our own code reads environment variables. Nuclio's Kafka trigger reads files: an
annotation of the function names a file in the folder of `nuclio.io/kafka-secret-path` (Nuclio
1.14 looks for no files among the trigger's attributes: a password there would stand in the function's
configuration).

On Kubernetes both come from one Secret, on Docker the variables from `nuctl deploy --env` and the files
from a folder of the project that only its owner can read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelmon.deploying.nuclio_settings import NuclioSettings
from modelmon.deploying.plan import Plan
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import KUBE
from modelmon.settings import PREFIX, Settings, is_secret
from modelmon.streams.kafka_options import check_protocol
from modelmon.streams.kafka_settings import KafkaSettings

FOLDER = "/etc/modelmon/secrets"
VOLUME = "modelmon-secrets"
PASSWORD = f"{PREFIX}KAFKA_SASL_PASSWORD"
V3IO_ACCESS_KEY = "V3IO_ACCESS_KEY"
CERTIFICATES = {  # setting: (file's name, Nuclio's annotation)
    "kafka_ssl_cafile": ("kafka-ca.pem", "nuclio.io/kafka-ca-cert"),
    "kafka_ssl_certfile": ("kafka-cert.pem", "nuclio.io/kafka-access-cert"),
    "kafka_ssl_keyfile": ("kafka-key.pem", "nuclio.io/kafka-access-key"),
}


def secret_variables(plan: Plan, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables that must not stand in a bundle, with their values ("" when not known here)."""
    found = {
        name: value
        for name, value in plan.settings.environment().items()
        if is_secret(name.removeprefix(PREFIX).lower(), value)
    }
    if _with_password(plan.settings):
        found[PASSWORD] = plan.settings.of(KafkaSettings).kafka_sasl_password
    if plan.on_v3io:
        found[V3IO_ACCESS_KEY] = environ.get(V3IO_ACCESS_KEY, "")
    return found


def secret_files(plan: Plan) -> dict[str, str]:
    """Name of each file that the functions need among their secrets, to where its content comes from:
    the variable PASSWORD, or a path of this machine."""
    settings = plan.settings
    found = {PASSWORD: PASSWORD} if _with_password(settings) else {}
    return found | {
        CERTIFICATES[setting][0]: path for setting, path in _certificates(settings).items() if path
    }


def write_secret_files(plan: Plan) -> None:
    """Put the files where containers on Docker mount them: in the project, which no repository takes up.

    Raises ConfigError for one that is not there, and outside a project.
    """
    from modelmon.model_monitoring.whole_folders import private_folder, write_private

    if secret_files(plan) and not plan.project_dir:
        raise ConfigError(
            "on Docker, Kafka's password and certificates reach the functions by files of a project: "
            "deploy from a folder with modelmon.yaml (`modelmon init`)"
        )
    if secret_files(plan):
        private_folder(plan.secrets_folder)
    for name, source in secret_files(plan).items():
        if name == PASSWORD:
            content = plan.settings.of(KafkaSettings).kafka_sasl_password.encode()
        elif Path(source).is_file():
            content = Path(source).read_bytes()
        else:
            raise ConfigError(f"kafka_ssl_…: there is no file {source!r}")
        write_private(plan.secrets_folder / name, content)


def with_secrets(document: dict[str, Any], plan: Plan) -> None:
    """Let a function.yaml refer to the secrets; no value of one is written into it.

    Raises ConfigError for credentials that the functions would not use.
    """
    if not plan.on_v3io:
        check_protocol(plan.settings.of(KafkaSettings))
    spec, files = document["spec"], secret_files(plan)
    for setting, path in _certificates(plan.settings).items():
        if path:
            _set_environment(spec, PREFIX + setting.upper(), f"{FOLDER}/{CERTIFICATES[setting][0]}")
    if plan.platform == KUBE:
        for name in secret_variables(plan):
            reference = {"name": plan.settings.of(NuclioSettings).nuclio_secret, "key": name}
            _set_environment(spec, name, {"secretKeyRef": reference})
    if files:
        spec.setdefault("volumes", []).append(_volume(plan, list(files)))


def kafka_annotations(settings: Settings) -> dict[str, str]:
    """What a function's Kafka triggers are told by annotations: the names of secret files."""
    found = {
        CERTIFICATES[key][1]: CERTIFICATES[key][0] for key, path in _certificates(settings).items() if path
    }
    if _with_password(settings):
        found["nuclio.io/kafka-sasl-password"] = PASSWORD
    return {"nuclio.io/kafka-secret-path": FOLDER, **found} if found else {}


def _volume(plan: Plan, names: list[str]) -> dict[str, Any]:
    if plan.platform == KUBE:
        items = [{"key": name, "path": name} for name in names]
        source: dict[str, Any] = {
            "secret": {"secretName": plan.settings.of(NuclioSettings).nuclio_secret, "items": items}
        }
    else:
        source = {"hostPath": {"path": str(plan.secrets_folder)}}
    mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
    return {"volume": {"name": VOLUME, **source}, "volumeMount": mount}


def _set_environment(spec: dict[str, Any], name: str, value: str | dict[str, Any]) -> None:
    entries = [entry for entry in spec.setdefault("env", []) if entry["name"] != name]
    entries.append({"name": name, "value" if isinstance(value, str) else "valueFrom": value})
    spec["env"] = entries


def _certificates(settings: Settings) -> dict[str, str]:
    return {setting: settings.value(setting) for setting in CERTIFICATES}


def _with_password(settings: Settings) -> bool:
    """Whether Kafka asks for one, be it known on this machine or not."""
    kafka = settings.of(KafkaSettings)
    return kafka.kafka_security_protocol.startswith("SASL_") or bool(kafka.kafka_sasl_password)
