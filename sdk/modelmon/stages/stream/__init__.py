"""The stream function: events to samples, series, endpoints and dead letters, each message exactly once.

`exactly_once.apply_batch` says how. `StreamStage` cuts the batches and acknowledges them, and
`functions/stream/main.py` wires the steps.
"""

from modelmon.stages.stream.exactly_once import Parts, commit, read, tabulate, write_actuals, write_series
from modelmon.stages.stream.graph_steps import SamplesTarget, Step
from modelmon.stages.stream.stage import StreamStage

__all__ = [
    "Parts",
    "SamplesTarget",
    "Step",
    "StreamStage",
    "commit",
    "read",
    "tabulate",
    "write_actuals",
    "write_series",
]
