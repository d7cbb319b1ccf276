"""What happened to an endpoint, as marks on its charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelmon.charts import Mark
from modelmon.views.deployments import Deployment
from modelmon.views.incidents import Incident


def marks_of_incidents(found: Sequence[Incident]) -> Iterator[Mark]:
    """Where each began and ended, by the windows that it is of."""
    for each in found:
        yield Mark(each.first, f"raised: {each.words}", "raised")
        if each.ended is not None:
            yield Mark(each.ended, f"resolved: {each.reason or 'calm again'}", "resolved")


def marks_of_deployments(found: Sequence[Deployment]) -> Iterator[Mark]:
    for each in found:
        yield Mark(each.at, each.words, each.kind, each.short)
