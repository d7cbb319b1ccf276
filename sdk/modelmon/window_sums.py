"""What an app adds up of one window, for a result that stands on the windows before it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowSums:
    """The sums of a window, and by what they are gathered.

    `reference` is the hash of the profile that they belong to: another one begins anew. `budget` is the
    probability of a false alarm that the gathered result has in each window, `floor` the change in sigma
    that is no alarm, `most` the highest status that an alarm may have. `values` are 5 numbers a feature, as
    float64 with the least byte first. `chosen` are the features' weights and then their floors in the same
    way; empty: all weigh as much, and `floor` is that of all.
    """

    reference: str
    budget: float
    floor: float
    most: int
    values: bytes
    chosen: bytes = b""
