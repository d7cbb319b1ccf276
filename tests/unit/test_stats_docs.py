"""What each distance says of itself."""

from __future__ import annotations

import pytest

import modelmon.stats


@pytest.mark.parametrize("name", ["tvd", "hellinger", "kld", "psi"])
def test_a_distance_shows_an_example_its_range_and_its_source(name: str) -> None:
    text = modelmon.stats.distance(name).__doc__ or ""
    assert ">>>" in text
    assert "Source:" in text
