"""A project of any size, written in bulk: for benchmarks, and for tests of views and pages.

Everything comes of the seed: the same shape gives the same project.
`PYTHONPATH=tests python -m made_project --help`.
"""

from __future__ import annotations

from made_project.shape import APP, HOUR, Character, Shape, nearest_hour_us
from made_project.writing import Made, make

__all__ = ["APP", "HOUR", "Character", "Made", "Shape", "make", "nearest_hour_us"]
