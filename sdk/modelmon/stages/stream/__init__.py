"""The stream function: events to samples, series, endpoints and dead letters, each message exactly once.

`StreamStage` keeps the protocol (partition.py: what is cut; ledger/batches.py: what the ledger is told); the
graph's steps, in their order, are what `functions/stream/main.py` wires.
"""

from modelmon.stages.stream.stage import StreamStage
from modelmon.stages.stream.steps import Columns, Commit, Decode, Parts, WriteSeries
from modelmon.stages.stream.target import SamplesTarget

__all__ = ["Columns", "Commit", "Decode", "Parts", "SamplesTarget", "StreamStage", "WriteSeries"]
