"""What the settings say of exports."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """How much of a project goes to other systems."""

    metrics_max_endpoints: int = setting(
        2000,
        "/metrics has at most so many endpoints; of more, the worst ones, the sums, and "
        "modelmon_metrics_truncated 1.",
        section="Exports",
        least=1,
    )

    def __post_init__(self) -> None:
        check(self)
