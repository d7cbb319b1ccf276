"""What Grafana does with a query before a database gets it: variables first, then macros; and a dashboard's
panels, read as Grafana reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "dashboards" / "grafana"
FILES = sorted(FOLDER.glob("*/*.json"))
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]")
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")  # as in Grafana: no bracket may stand inside
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
Values = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Shown:
    """The time that a dashboard shows, and how long a point of it is."""

    start: datetime
    end: datetime
    interval: str = "1h"


def expanded(sql: str, shown: Shown, values: Values, several: frozenset[str] = frozenset()) -> str:
    """The statement that PostgreSQL gets. Raises ValueError where something is left that it would not know.

    `several` are variables of which a reader may choose many: plain, too, they are quoted.
    """
    built_in = {"__interval": shown.interval, "__interval_ms": str(_seconds(shown.interval) * 1000)}

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        if name not in {**built_in, **values}:
            return found[0]
        value = {**values, **built_in}[name]
        if found[3] == "raw":
            return str(value)
        if found[3] == "sqlstring" or isinstance(value, list) or name in several:
            return ",".join(_quoted(each) for each in ([value] if isinstance(value, str) else value))
        return value.replace("'", "''")

    statement = _MACRO.sub(lambda found: _macro(found, shown), _VARIABLE.sub(variable, sql))
    if "$" in statement or "[[" in statement:
        raise ValueError(f"Grafana does not know what stands behind a $ in: {statement}")
    return statement


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _seconds(interval: str) -> int:
    return int(interval[:-1]) * _UNITS[interval[-1]]


def _macro(found: re.Match[str], shown: Shown) -> str:
    name, (first, *others) = found[1], [each.strip() for each in found[2].split(",")]
    start, end = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in (shown.start, shown.end))
    unix = int(shown.start.timestamp()), int(shown.end.timestamp())
    if name in ("__timeGroup", "__timeGroupAlias", "__unixEpochGroup", "__unixEpochGroupAlias"):
        size = _seconds(others[0].strip("'\""))
        seconds = first if "Epoch" in name else f"extract(epoch from {first})"
        return f"floor(({seconds})/{size})*{size}" + ' AS "time"' * name.endswith("Alias")
    known = {
        "__time": f'{first} AS "time"', "__timeEpoch": f'extract(epoch from {first}) as "time"',
        "__timeFilter": f"{first} BETWEEN '{start}' AND '{end}'", "__timeFrom": f"'{start}'",
        "__timeTo": f"'{end}'", "__unixEpochFilter": f"{first} >= {unix[0]} AND {first} <= {unix[1]}",
        "__unixEpochFrom": str(unix[0]), "__unixEpochTo": str(unix[1]),
    }  # fmt: skip
    return known.get(name, found[0])


def read(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dashboard


def variables(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard["templating"]["list"]
    return found


def several(dashboard: dict[str, Any]) -> frozenset[str]:
    return frozenset(each["name"] for each in variables(dashboard) if each.get("multi"))


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each panel with each of its queries."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel, target


def links(panel: dict[str, Any]) -> Iterator[str]:
    """Where a panel's values lead."""
    config = panel["fieldConfig"]
    properties = [each for override in config["overrides"] for each in override["properties"]]
    for found in [
        config["defaults"]["links"],
        *(each["value"] for each in properties if each["id"] == "links"),
    ]:
        yield from (each["url"] for each in found)


def shown_of(dashboard: dict[str, Any], now: datetime) -> Shown:
    """The time that it shows when it is opened."""
    back = re.fullmatch(r"now-(\d+\w)", dashboard["time"]["from"])
    assert back is not None
    return Shown(datetime.fromtimestamp(now.timestamp() - _seconds(back[1]), now.tzinfo), now)
