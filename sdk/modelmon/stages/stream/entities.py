"""Predictions that an entity names: those of a customer, say, made in a span of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.types as types

from modelmon.column_names import PREFIXES, ROW_ORDER, TIMESTAMP
from modelmon.sql.database import Database
from modelmon.stages.stream.actual_rows import ActualRows, Placed
from modelmon.stats.values import WRITTEN_NUMBER, is_gap, spelled
from modelmon.stores.base import SampleStore
from modelmon.stores.samples_reading import read_stored

ENTITIES = "entities"
APART_US = 3_600_000_000
"""Spans that are so near are read together."""
Span = tuple[int, int]


def find_by_entity(
    database: Database, samples: SampleStore, endpoint_id: str, rows: ActualRows, places: Sequence[int]
) -> tuple[list[Placed], set[str]]:
    """Stored predictions of the entities that these rows name, and the files that they may be from."""
    found: list[Placed] = []
    paths: set[str] = set()
    names = dict.fromkeys(rows.entities[place] for place in places)
    for span, inside in _together(rows, places):
        columns = [TIMESTAMP, *ROW_ORDER[1:], ENTITIES, *names]
        table, files = read_stored(database, samples, endpoint_id, span, columns)
        found.append(in_table(table, rows, inside))
        paths |= files
    return found, paths


def in_table(table: pa.Table, rows: ActualRows, places: Sequence[int]) -> Placed:
    """The same in a table of predictions at hand, under their stored names."""
    when_us = table.column(TIMESTAMP).cast(pa.int64()).to_numpy()
    whose: list[int] = []
    which: list[int] = []
    of_entity: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        of_entity[rows.entities[place]].append(place)
    for entity, inside in of_entity.items():
        known = _rows_by_value(table, entity, {rows.entity_values[place] for place in inside})
        for place in inside:
            since_us, until_us = rows.since_us[place] or 0, rows.until_us[place] or 0
            hits = [
                row for row in known.get(rows.entity_values[place], ()) if since_us <= when_us[row] < until_us
            ]
            whose += [place] * len(hits)
            which += hits
    index = np.array(which, np.int64)
    of = [table.column(name).cast(pa.int64()).to_numpy()[index] for name in ROW_ORDER[1:]]
    return Placed(np.array(whose, np.int64), when_us[index], (of[0], of[1], of[2], of[3]))


def _together(rows: ActualRows, places: Iterable[int]) -> Iterator[tuple[Span, list[int]]]:
    """The spans that are read, each with the rows that ask for a part of it."""
    ordered = sorted(places, key=lambda place: rows.since_us[place] or 0)
    span: Span | None = None
    inside: list[int] = []
    for place in ordered:
        since_us, until_us = rows.since_us[place] or 0, rows.until_us[place] or 0
        if span is not None and since_us > span[1] + APART_US:
            yield span, inside
            span, inside = None, []
        span = (since_us, until_us) if span is None else (span[0], max(span[1], until_us))
        inside.append(place)
    if span is not None:
        yield span, inside


def _rows_by_value(table: pa.Table, entity: str, wanted: set[str]) -> dict[str, list[int]]:
    """Each wanted value's rows. A number is meant by every way to write it."""
    numbers: defaultdict[float, list[str]] = defaultdict(list)
    for text in wanted:
        if WRITTEN_NUMBER.fullmatch(text):
            numbers[_number(text)].append(text)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(_values(table, entity)):
        if is_gap(value):
            continue
        text = value if isinstance(value, str) else spelled(value)
        texts = {text} if text in wanted else set()
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts.update(numbers.get(value, ()))
        for text in texts:
            found[text].append(row)
    return found


def _number(text: str) -> float:
    """Whole numbers are exact, however many digits they have."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _values(table: pa.Table, entity: str) -> list[Any]:
    """The entity's value in each row: of the column that is called so, else of that key of `entities`."""
    for name in (entity, PREFIXES["feature"] + entity):
        if name in table.column_names and not types.is_null(table.column(name).type):
            values: list[Any] = table.column(name).to_pylist()
            return values
    if ENTITIES not in table.column_names:
        return [None] * len(table)
    read: dict[str | None, Any] = {None: None}
    held = table.column(ENTITIES).to_pylist()
    for text in set(held) - read.keys():
        read[text] = msgspec.json.decode(text).get(entity)
    return [read[text] for text in held]
