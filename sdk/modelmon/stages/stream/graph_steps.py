"""The steps of the protocol as steps of a storey graph; `apply` of each is the step without storey."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import storey
from storey.dtypes import _termination_obj

from modelmon.stages.stream.exactly_once import Parts, write_files

PARTITION_COLUMNS = ("$key", "$year", "$month", "$day", "$hour")


class Step(storey.MapClass):  # type: ignore[misc]
    """One step of `modelmon.stages.stream.exactly_once`: takes a batch and hands on what it made of it."""

    def __init__(self, step: Callable[[Parts, Any], Awaitable[Any]], parts: Parts, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.apply = partial(step, parts)

    async def do(self, value: Any) -> Any:
        return await self.apply(value)


class SamplesTarget(storey.ParquetTarget):  # type: ignore[misc]
    """Parquet in storey's layout `key=/year=/month=/day=/hour=`, one file per endpoint and hour of a batch.

    Takes ParquetTarget's parameters and differs in three ways: an event is a batch of tables, not a row;
    its files' names come from the batch's range, so that writing it again replaces them; the event goes on
    only after every file is durable. While the store does not answer it waits.
    """

    def __init__(self, parts: Parts, **arguments: Any) -> None:
        arguments.setdefault("partition_cols", list(PARTITION_COLUMNS))
        arguments.setdefault("time_field", "timestamp")
        super().__init__(parts.samples_path, **arguments)
        self.apply = partial(write_files, parts)

    async def _do(self, event: Any) -> Any:
        if event is _termination_obj:
            return await super()._do(event)
        event.body = await self.apply(event.body)
        return await self._do_downstream(event)
