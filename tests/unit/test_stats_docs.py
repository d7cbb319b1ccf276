"""The examples in the docstrings of the statistics and of the app SDK run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import modelmon.apps
import modelmon.stats

MODULES = sorted(
    f"{package.__name__}.{module.name}"
    for package in (modelmon.stats, modelmon.apps)
    for module in pkgutil.iter_modules(package.__path__)
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", ["tvd", "hellinger", "kld", "psi"])
def test_a_distance_shows_an_example_its_range_and_its_source(name: str) -> None:
    text = modelmon.stats.distance(name).__doc__ or ""
    assert ">>>" in text
    assert "Source:" in text
