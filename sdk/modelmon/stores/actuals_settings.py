"""What the settings say of actuals: where they are kept, and how long one waits for its prediction."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class ActualsSettings:
    """Where actuals are, and how long they wait."""

    actuals_path: str = setting(
        "",
        "Folder or fsspec URL (s3://…) of the actuals. Empty: beside the samples, `-actuals` behind their "
        "address; under the project folder where that has none.",
        section="Actuals",
        secret=True,
    )
    actuals_horizon_days: float = setting(
        90.0, "An actual that finds no prediction for this long is dropped, and counted; 0 keeps it.", least=0
    )
    waiting_actuals_most: int = setting(
        1_000_000,
        "So many actuals of an endpoint wait for their prediction; of more the oldest are dropped, and "
        "counted. 0: no limit.",
        least=0,
    )

    def __post_init__(self) -> None:
        check(self)
