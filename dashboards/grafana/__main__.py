"""Writes the dashboards: `python dashboards/grafana`, or `python dashboards/grafana FOLDER` elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import operations
import postgresql
import prometheus
from panels import dashboard_json

DASHBOARDS = {
    postgresql.SOURCE: (
        "postgresql",
        {
            "fleet": postgresql.FLEET, "model": postgresql.MODEL, "application": operations.APPLICATION,
            "operations": operations.OPERATIONS,
        },
    ),
    prometheus.SOURCE: (
        "prometheus",
        {"fleet": prometheus.FLEET, "model": prometheus.MODEL, "operations": prometheus.OPERATIONS},
    ),
}  # fmt: skip


def main(folder: Path) -> None:
    for source, (place, dashboards) in DASHBOARDS.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name, dashboard in dashboards.items():
            text = json.dumps(dashboard_json(dashboard, source), indent=1, ensure_ascii=False)
            (folder / place / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
