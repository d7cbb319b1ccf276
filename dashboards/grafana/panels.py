"""Dashboards of Grafana as JSON, from a few words on each panel.

Rows of panels are laid out from left to right and from top to bottom, 24 columns wide, so that none lies on
another. What a panel asks is in `postgresql.py` and `prometheus.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 39
WIDTH = 24
SOURCE = "${datasource}"
RED, ORANGE, GREEN, GREY = "dark-red", "dark-orange", "dark-green", "text"
STATUS = {
    "-1": ("no verdict", GREY), "0": ("no detection", GREEN), "1": ("suspected", ORANGE), "2": ("detected", RED),
}  # fmt: skip
HEALTHY = {"0": ("no", RED), "1": ("yes", GREEN)}
Json = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """One picture and what it asks.

    `kind` is stat, timeseries, table or state-timeline. `bad_from` are the values from which a number is
    orange and red; `words` say what a number means; `links` lead from it elsewhere; `columns` are units and
    words of single columns.
    """

    title: str
    kind: str
    query: str
    description: str
    width: int = 6
    unit: str = "short"
    bad_from: tuple[float | None, float | None] = (None, None)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    columns: Mapping[str, Json] = field(default_factory=dict)
    legend: str = ""
    is_stacked: bool = False
    hidden: Sequence[str] = ()


@dataclass(frozen=True)
class Variable:
    """What a reader chooses."""

    name: str
    label: str
    query: str
    several: bool = False
    is_hidden: bool = False


@dataclass(frozen=True)
class Dashboard:
    """Rows of panels: how high each is, and what stands in it."""

    uid: str
    title: str
    description: str
    rows: Sequence[tuple[int, Sequence[Panel]]]
    variables: Sequence[Variable] = ()
    since: str = "now-24h"


def dashboard_json(dashboard: Dashboard, source: str) -> Json:
    """As Grafana imports it; `source` is the type of the data source."""
    reference = {"type": source, "uid": SOURCE}
    panels, top = [], 0
    for height, row in dashboard.rows:
        left = 0
        for panel in row:
            place = {"h": height, "w": panel.width, "x": left, "y": top}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(panel, reference)})
            left += panel.width
        assert left == WIDTH, f"{dashboard.title}: a row is {left} wide, not {WIDTH}"
        top += height
    return {
        "uid": dashboard.uid, "title": dashboard.title, "description": dashboard.description,
        "tags": ["modelmon"], "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": True,
        "graphTooltip": 1, "refresh": "1m", "timezone": "", "time": {"from": dashboard.since, "to": "now"},
        "links": [_between_dashboards(), _page()],
        "templating": {"list": [*_common(source), *(_variable(each, reference) for each in dashboard.variables)]},
        "annotations": {"list": []}, "panels": panels,
    }  # fmt: skip


def _between_dashboards() -> Json:
    return {
        "type": "dashboards", "title": "ModelMon", "tags": ["modelmon"], "asDropdown": True,
        "keepTime": True, "includeVars": True, "targetBlank": False, "url": "", "icon": "external link",
        "tooltip": "",
    }  # fmt: skip


def _page() -> Json:
    return {
        "type": "link", "title": "Page", "url": "${page:raw}/", "icon": "external link", "targetBlank": True,
        "keepTime": False, "includeVars": False, "asDropdown": False, "tags": [],
        "tooltip": "ModelMon's own page",
    }  # fmt: skip


def _common(source: str) -> list[Json]:
    return [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": source, "hide": 0,
         "current": {}, "options": [], "refresh": 1, "regex": "", "multi": False, "includeAll": False},
        {"type": "textbox", "name": "page", "label": "Page", "query": "http://127.0.0.1:8050", "hide": 0,
         "current": {"text": "http://127.0.0.1:8050", "value": "http://127.0.0.1:8050"}, "options": [],
         "description": "Where ModelMon's page is, without a slash at the end."},
    ]  # fmt: skip


def _variable(variable: Variable, reference: Json) -> Json:
    return {
        "type": "query", "name": variable.name, "label": variable.label, "datasource": reference,
        "query": variable.query, "definition": variable.query, "refresh": 2, "regex": "", "sort": 0,
        "multi": variable.several, "includeAll": variable.several, "hide": 2 if variable.is_hidden else 0,
        "current": {"text": ["All"], "value": ["$__all"]} if variable.several else {}, "options": [],
    }  # fmt: skip


def _panel(panel: Panel, reference: Json) -> Json:
    return {
        "type": panel.kind, "title": panel.title, "description": panel.description,
        "datasource": reference, "targets": [_target(panel, reference)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _OPTIONS[panel.kind], "transformations": [],
    }  # fmt: skip


def _target(panel: Panel, reference: Json) -> Json:
    is_table = panel.kind in ("table", "stat")
    if reference["type"] == "prometheus":
        # A number and a table are of the newest moment.
        return {
            "refId": "A", "datasource": reference, "editorMode": "code", "expr": panel.query,
            "legendFormat": panel.legend or "__auto", "range": not is_table, "instant": is_table,
            "format": "table" if panel.kind == "table" else "time_series",
        }  # fmt: skip
    return {
        "refId": "A", "datasource": reference, "editorMode": "code", "rawQuery": True, "rawSql": panel.query,
        "format": "table" if is_table else "time_series",
    }  # fmt: skip


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": GREEN if panel.bad_from != (None, None) else GREY, "value": None}]
    steps += [{"color": color, "value": value} for color, value in zip((ORANGE, RED), panel.bad_from, strict=True)
              if value is not None]  # fmt: skip
    return {
        "unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "noValue": "none",
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "mappings": _mappings(panel.words), "links": _links(panel.links), "custom": _custom(panel),
    }  # fmt: skip


def _custom(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        return {
            "drawStyle": "bars" if panel.is_stacked else "line", "lineWidth": 1, "fillOpacity": 60 * panel.is_stacked,
            "showPoints": "auto", "spanNulls": False,
            "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
        }  # fmt: skip
    return {"fillOpacity": 80, "lineWidth": 0} if panel.kind == "state-timeline" else {}


def _mappings(words: Mapping[str, tuple[str, str]]) -> list[Json]:
    options = {
        value: {"text": text, "color": color, "index": place}
        for place, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}] if options else []


def _links(links: Sequence[tuple[str, str]]) -> list[Json]:
    return [{"title": title, "url": url, "targetBlank": url.startswith("${page")} for title, url in links]


def _overrides(panel: Panel) -> list[Json]:
    hidden: dict[str, Json] = {name: {"custom.hidden": True} for name in panel.hidden}
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in wanted.items()],
        }
        for name, wanted in {**panel.columns, **hidden}.items()
    ]


def words_column(words: Mapping[str, tuple[str, str]]) -> Json:
    """A column of numbers: in words, on their colour."""
    return {"mappings": _mappings(words), "custom.cellOptions": {"type": "color-background"}}


def link_column(*links: tuple[str, str]) -> Json:
    """A column that leads elsewhere."""
    return {"links": _links(links)}


_REDUCED = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
_OPTIONS: dict[str, Json] = {
    "stat": {"reduceOptions": _REDUCED, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}},
    "state-timeline": {
        "mergeValues": True, "showValue": "never", "rowHeight": 0.9, "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}  # fmt: skip
