"""Challengers are judged beside the champion, decided on by people, and deployed; jobs make them."""

from modelmon.retraining.job import JobContext
from modelmon.retraining.refitting import refitted

__all__ = ["JobContext", "refitted"]
