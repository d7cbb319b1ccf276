"""What stands in for a stream or a store in tests takes what the port takes today."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmon.stores.base import SampleStore
from modelmon.stores.series.base import SeriesStore
from modelmon.streams.base import Consumer, Stream

TESTS = Path(__file__).parents[1]
PORTS = {port.__name__: port for port in (SampleStore, SeriesStore, Stream, Consumer)}
OF_A_PORT = re.compile(rf"class \w+\([^)]*\b({'|'.join(PORTS)})\b")
Taken = list[tuple[str, bool]]
"""The names of arguments, and whether each may be given by its name alone."""


def fakes() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every method of a port that a class of the tests has: the port's name and the definition."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))]
    for source in filter(OF_A_PORT.search, sources):  # to parse them all takes two seconds, in each worker
        for found in ast.walk(ast.parse(source)):
            for base in found.bases if isinstance(found, ast.ClassDef) else []:
                if isinstance(base, ast.Name) and base.id in PORTS:
                    methods = [each for each in found.body if isinstance(each, ast.FunctionDef)]
                    yield from ((base.id, each) for each in methods if hasattr(PORTS[base.id], each.name))


FAKES = [each for each in fakes() if not each[1].name.startswith("_") and not each[1].decorator_list]


def test_there_are_fakes_of_samples_series_and_streams() -> None:
    assert {port for port, _ in FAKES} >= {"SampleStore", "SeriesStore", "Stream"}


@pytest.mark.parametrize(("port", "fake"), FAKES, ids=lambda each: getattr(each, "name", each))
def test_a_fake_takes_what_the_port_takes(port: str, fake: ast.FunctionDef) -> None:
    assert taken(fake) == promised(port, fake.name)


def taken(fake: ast.FunctionDef) -> Taken:
    return [(each.arg, False) for each in fake.args.args] + [
        (each.arg, True) for each in fake.args.kwonlyargs
    ]


def promised(port: str, name: str) -> Taken:
    parameters = inspect.signature(getattr(PORTS[port], name)).parameters.values()
    return [(each.name, each.kind is each.KEYWORD_ONLY) for each in parameters]
