"""The rows of a frame by the cells of a profile, beside how many rows of the reference lie in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.cell_counts import cell_places
from modelmon.stats.frames import Frame, columns
from modelmon.stats.performance.cells import Cells
from modelmon.stats.profile import Profile


def profile_cells(frame: Frame, profile: Profile) -> dict[str, tuple[Cells, NDArray[np.float64]]]:
    """Each feature of the profile that the frame has: its cells, and the reference's rows in them.

    >>> import pyarrow as pa
    >>> from modelmon.stats import profile
    >>> training = profile(pa.table({"city": ["a", "b", "a"]}))
    >>> cells, then = profile_cells(pa.table({"city": ["b", None]}), training)["city"]
    >>> cells.place.tolist(), then.tolist()
    ([2, 4], [0.0, 2.0, 1.0, 0.0, 0.0])
    """
    found = columns(frame)
    cells = {}
    for feature in profile.features:
        if feature.name in found and feature.counts.sum():
            labels = tuple(map(str, range(feature.counts.size)))
            cells[feature.name] = (Cells(labels, cell_places(found[feature.name], feature)), feature.counts)
    return cells
