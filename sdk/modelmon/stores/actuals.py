"""Files of actuals: Parquet beside the samples, in the same layout, by the time of the prediction.

A file of a batch holds a day. `stores/actuals_joining.py` says what its columns are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelmon.ledger.actuals_schema import actual_files
from modelmon.settings import Settings
from modelmon.sources import STATE_FOLDER
from modelmon.stores.actuals_settings import ActualsSettings
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import ParquetSamples

if TYPE_CHECKING:
    import pyarrow as pa


def open_actuals(settings: Settings) -> SampleStore:
    """The project's actuals. Raises ConfigError for a location that can't be used."""
    return ParquetActuals(actuals_location(settings), durability=settings.durability)


def actuals_location(settings: Settings) -> str:
    """Where they are: `actuals_path`, else beside the samples.

    >>> actuals_location(Settings(samples_path="s3://bucket/samples"))
    's3://bucket/samples-actuals'
    """
    given = settings.of(ActualsSettings).actuals_path
    if given or settings.samples_path:
        return given or f"{settings.samples_path.rstrip('/')}-actuals"
    settings.location("samples_path")  # says what is missing where there is no folder
    return str(Path(settings.project_dir) / STATE_FOLDER / "actuals")


class ParquetActuals(ParquetSamples):
    """Parquet below `root`. Where files are merged, an actual that was corrected goes."""

    listed = actual_files

    def merged(self, table: pa.Table) -> pa.Table:
        from modelmon.stores.actuals_joining import without_superseded

        return without_superseded(table)
