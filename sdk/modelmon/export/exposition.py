"""The text format of Prometheus, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Family:
    """One metric with its samples; `kind` is gauge, counter or histogram."""

    name: str
    kind: str
    words: str
    lines: list[str] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """A sample; of None there is none."""
        if value is not None:
            self._add("", value, labels)

    def add_histogram(self, at_most: Mapping[float, int], many: int, together: float, **labels: str) -> None:
        """A histogram: by limit how many are `at_most` so large, how `many` there are, and their sum."""
        for limit, count in {**at_most, math.inf: many}.items():
            self._add("_bucket", count, {**labels, "le": _number(limit)})
        self._add("_sum", together, labels)
        self._add("_count", many, labels)

    def _add(self, suffix: str, value: float, labels: Mapping[str, str]) -> None:
        self.lines.append(f"{self.name}{suffix}{_labels(labels)} {_number(value)}\n")


def text(families: Iterable[Family]) -> str:
    r"""Those that have samples.

    >>> rows = Family("rows_total", "counter", "Rows.")
    >>> rows.add(3, endpoint='a"b')
    >>> print(text([rows]), end="")
    # HELP rows_total Rows.
    # TYPE rows_total counter
    rows_total{endpoint="a\"b"} 3
    """
    return "".join(
        f"# HELP {each.name} {each.words}\n# TYPE {each.name} {each.kind}\n{''.join(each.lines)}"
        for each in families
        if each.lines
    )


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
