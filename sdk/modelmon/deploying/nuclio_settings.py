"""What the settings say of Nuclio, on Docker and on Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting
from modelmon.settings.stream_addresses import check_stream_address


@dataclass(frozen=True, slots=True)
class NuclioSettings:
    """Where `modelmon deploy` puts functions, and what they find there."""

    nuclio_project: str = setting(
        "", "Nuclio's project of the functions. Empty: the project's name.", section="Nuclio"
    )
    nuclio_namespace: str = setting("nuclio", "Namespace that the functions are deployed to.")
    nuclio_registry: str = setting("", "Registry that images are pushed to. Empty: none, or NUCTL_REGISTRY.")
    nuclio_run_registry: str = setting("", "Registry that images are pulled from. Empty: the same.")
    nuclio_brokers: str = setting(
        "", "Kafka's host:port as functions under Nuclio reach it. Empty: the hosts of stream_path."
    )
    nuclio_secret: str = setting("modelmon", "Kubernetes Secret that holds the passwords and certificates.")
    nuclio_wheel: str = setting(
        "", "ModelMon's wheel that functions under Nuclio install. Empty: packed from the installed one."
    )

    def __post_init__(self) -> None:
        check_stream_address("nuclio_brokers", self.nuclio_brokers)
        check(self)
