"""What the settings say of jobs."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a run of a job may take."""

    job_seconds: float = setting(
        3600.0, "A run of a job that takes longer is ended, and has timed out.", section="Jobs", least=1
    )
    job_memory_megabytes: int = setting(
        0, "A run of a job gets no more memory than this; 0 does not limit it.", least=0
    )

    def __post_init__(self) -> None:
        check(self)
