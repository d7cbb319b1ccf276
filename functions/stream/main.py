"""The stream function: serving events become samples, series, endpoints and dead letters."""

from __future__ import annotations

from storey import AsyncEmitSource, Complete, Flow, build_flow

from modelmon.nuclio import message_handlers
from modelmon.stages.stream import Columns, Commit, Decode, Parts, SamplesTarget, StreamStage, WriteSeries


def graph(parts: Parts) -> Flow:
    """One event of this graph is a whole batch: a contiguous range of messages of one partition.

    The batch has been recorded as open before it comes here, and its messages are acknowledged after
    `commit` has answered. Each step may be repeated: it then writes the same things to the same places.
    """
    return build_flow(
        [
            AsyncEmitSource(name="batches"),
            Decode(parts, name="decode and validate"),  # dead letters go along on the side
            Columns(parts, name="columns"),  # per endpoint and hour, as Arrow
            SamplesTarget(
                parts.samples_path,
                samples=parts.samples,
                settings=parts.settings,
                writers=parts.writers,
                partition_cols=["$key", "$year", "$month", "$day", "$hour"],
                time_field="timestamp",
                name="samples",
            ),
            WriteSeries(parts, name="series"),
            Commit(parts, name="commit"),  # records and ledger, in one transaction
            Complete(name="written"),
        ]
    )


init_context, handler = message_handlers(
    lambda settings, acknowledge: StreamStage(settings, acknowledge, graph)
)
