"""What a model answers on stored rows, asked as its clients ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.serving import ModelServing

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 1_000


def answers(server: ModelServing, name: str, rows: pa.Table, outputs: Sequence[str]) -> pa.Table:
    """A column for each of `outputs`, a row for each of `rows`, whose columns are the inputs in order.

    A gap is asked as null. Raises ConfigError for a model that fails, or answers with something else.
    """
    import pyarrow as pa

    found: dict[str, list[Any]] = {each: [] for each in outputs}
    for first in range(0, rows.num_rows, AT_ONCE):
        piece = rows.slice(first, AT_ONCE)
        inputs = [list(row) for row in zip(*(_plain(column) for column in piece.columns), strict=True)]
        for row in _asked(server, name, inputs):
            values = row if isinstance(row, list) else [row]
            if len(values) != len(outputs):
                raise ConfigError(
                    f"model {name!r} answers {count(len(values), 'value')} a row; "
                    f"it has {count(len(outputs), 'output')}"
                )
            for output, value in zip(outputs, values, strict=True):
                found[output].append(value)
    return pa.table({each: pa.array(values) for each, values in found.items()})


def _asked(server: ModelServing, name: str, inputs: list[list[Any]]) -> list[Any]:
    try:
        answer = server.test(f"/v2/models/{name}/infer", {"inputs": inputs})
    except RuntimeError as error:
        raise ConfigError(f"model {name!r} fails on stored rows: {error}") from error
    outputs = answer["outputs"]
    if not isinstance(outputs, list) or len(outputs) != len(inputs):
        raise ConfigError(
            f"model {name!r} answers {count(len(inputs), 'row')} with something that is no row each"
        )
    return outputs


def _plain(column: pa.ChunkedArray) -> list[Any]:
    return [
        None if isinstance(each, float) and not math.isfinite(each) else each for each in column.to_pylist()
    ]
