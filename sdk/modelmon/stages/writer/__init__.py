"""The writer: what apps report becomes results, metrics, the status of endpoints and incidents."""

from modelmon.stages.writer.writer import Writer

__all__ = ["Writer"]
