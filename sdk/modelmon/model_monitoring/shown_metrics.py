"""Values of metrics and results, as JSON has them; a notebook shows each as a line over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, starmap
from typing import Any

import msgspec

from modelmon.charts import Sample
from modelmon.views.encoding import to_json
from modelmon.views.metric_values import Values
from modelmon.views.thresholds import NONE, thresholds_of


class MetricValues(msgspec.Struct, frozen=True):
    """Of a metric (time, value), of a result (time, value, status, extra data) in order; none without
    `data`."""

    full_name: str
    type: str
    data: bool
    values: list[tuple[Any, ...]] = []
    result_kind: int | None = None

    def samples(self) -> Iterator[Sample]:
        """The values as a chart takes them. A window is taken to be as long as the way from the one before,
        so that there is a gap where one is missing, whatever the length of windows was."""
        starts = [datetime.fromisoformat(str(each[0])) for each in self.values]
        steps = [later - start for start, later in pairwise(starts)] or [timedelta(minutes=1)]
        lengths = [*starmap(min, zip([steps[0], *steps], steps, strict=False)), steps[-1]]
        for start, length, (_, value, *said) in zip(starts, lengths, self.values, strict=False):
            limits = thresholds_of(said[1]) if len(said) > 1 else NONE
            yield Sample(start, start + length, value, int(said[0]) if said else -1, *limits)


def values_to_show(found: Sequence[Values]) -> MetricValuesList:
    """The same as a server would answer them."""
    return MetricValuesList(msgspec.convert(to_json(found), list[MetricValues]))


class MetricValuesList(list[MetricValues]):
    """Several, which a notebook shows."""

    def _repr_html_(self) -> str:
        from modelmon.pages.notebook import shown_or_why_not

        return shown_or_why_not(self._shown)

    def _shown(self) -> str:
        from modelmon.pages.notebook_objects import MOST, lines_in_notebook

        return lines_in_notebook([(each.full_name, [*each.samples()]) for each in self[:MOST]], len(self))
