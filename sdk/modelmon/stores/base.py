"""What the stores promise: samples (Parquet), series (time series), and the ledger that ties them.

The records and the ledger are SQL in every deployment (`sql/database.py`, `ledger/schema.py`, and one
file of functions per writer); samples and series are ports, because their technologies differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from modelmon.model import BatchRange, TrafficPoint, ValuePoint

if TYPE_CHECKING:
    import pyarrow as pa


class SampleStore(ABC):
    """Parquet files under one root. Paths are relative to it and contain no `..`."""

    @abstractmethod
    def write(self, path: str, table: pa.Table) -> int:
        """Write one file so that it appears whole or not at all, and is durable when this returns; returns
        its bytes.

        Writing the same path again replaces it. Raises UnavailableError (full or read-only disk, object
        store down), after which a folder reader sees what it saw before, and ConfigError for a path that
        leads out of the root.
        """

    @abstractmethod
    def read(self, path: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One file, only `columns` where it has them, in that order.

        Raises FileNotFoundError, UnavailableError, and ConfigError for a file that is corrupt, naming it.
        """

    @abstractmethod
    def delete(self, paths: Collection[str]) -> None:
        """Remove files and the folders that they leave empty; those that are gone already are no error."""

    @abstractmethod
    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        """Every file in the folder `prefix` and below, hidden temporary ones included, in the order of their
        paths' parts; only those after the path `after`, whether that exists or not."""


class SeriesStore(ABC):
    """Keyed points over time. Writing a point again replaces it, so every write may be repeated."""

    @abstractmethod
    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        """Record what one batch adds, keyed (endpoint, minute, batch).

        Raises RejectedError for a number that is not finite, and UnavailableError, as every method here.
        """

    @abstractmethod
    def read_traffic(
        self, endpoint_ids: Collection[str], start_us: int, end_us: int, void: Collection[BatchRange] = ()
    ) -> list[TrafficPoint]:
        """One summed point per endpoint and minute in [start, end), by endpoint and time; points of
        `void` batches do not count."""

    @abstractmethod
    def write_values(self, points: Sequence[ValuePoint]) -> None:
        """Record metrics and results, keyed (endpoint, app, window start, name); a point of a lower
        revision than the stored one is ignored.

        Raises RejectedError for a value that is not finite, naming it; nothing is then written.
        """

    @abstractmethod
    def delete_values(
        self, endpoint_id: str, application_name: str, start_us: int, below_revision: int
    ) -> None:
        """Forget the window's points of lower revisions."""

    @abstractmethod
    def read_values(
        self, endpoint_ids: Collection[str], start_us: int, end_us: int, application_name: str | None = None
    ) -> list[ValuePoint]:
        """Points of windows that start in [start, end), by endpoint, app, start and name."""

    @abstractmethod
    def read_windows(self, places: Collection[tuple[str, str, int]]) -> list[ValuePoint]:
        """Points of these windows, each named by (endpoint, app, start), in the same order."""

    @abstractmethod
    def prune(self, before_us: int) -> None:
        """Forget every point older than this."""

    @abstractmethod
    def close(self) -> None:
        """Release connections. Closing twice is harmless."""
