"""The stream function: serving events become samples, series, endpoints and dead letters."""

from __future__ import annotations

from storey import AsyncEmitSource, Complete, Flow, build_flow

from modelmon.nuclio import message_handlers
from modelmon.stages.stream import (
    Parts,
    SamplesTarget,
    Step,
    StreamStage,
    commit,
    read,
    tabulate,
    write_actuals,
    write_series,
)


def graph(parts: Parts) -> Flow:
    """One event of this graph is a whole batch: a contiguous range of messages of one partition.

    The batch has been recorded as open before it comes here, and its messages are acknowledged after
    `commit` has answered (modelmon/stages/stream/exactly_once.py says why). Each step may be repeated: it
    then writes the same things to the same places.
    """
    return build_flow(
        [
            AsyncEmitSource(name="batches"),
            Step(read, parts, name="decode and validate"),  # dead letters go along on the side
            Step(tabulate, parts, name="columns"),  # per endpoint and hour, as Arrow
            Step(write_actuals, parts, name="actuals"),  # what came true, beside its predictions
            SamplesTarget(
                parts,
                partition_cols=["$key", "$year", "$month", "$day", "$hour"],
                time_field="timestamp",
                name="samples",
            ),
            Step(write_series, parts, name="series"),
            Step(commit, parts, name="commit"),  # records and ledger, in one transaction
            Complete(name="written"),
        ]
    )


init_context, handler = message_handlers(
    lambda settings, acknowledge: StreamStage(settings, acknowledge, graph)
)
