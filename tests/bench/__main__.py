"""`make bench`: run every bench_*.py beside this file, print one table, write build/bench.json.

Each bench module has `measure() -> list[dict]` with `name, value, unit, limit, ratio`: `limit` was taken
in the same run, `ratio` is value / limit (a share of the limit for rates, a multiple for costs).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "build" / "bench.json"


def main(wanted: list[str]) -> None:
    entries = []
    for path in sorted(HERE.glob("bench_*.py")):
        if wanted and path.stem.removeprefix("bench_") not in wanted:
            continue
        print(f"… {path.stem}", file=sys.stderr, flush=True)
        entries += importlib.import_module(f"tests.bench.{path.stem}").measure()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    Console(width=150).print(_table(entries))
    print(f"written to {os.path.relpath(OUTPUT)}")


def _table(entries: list[dict]) -> Table:
    table = Table("what", "value", "unit", "limit of this run", "value / limit")
    for entry in entries:
        table.add_row(
            entry["name"],
            f"{entry['value']:,.4g}" if entry["value"] < 1000 else f"{entry['value']:,.0f}",
            entry["unit"],
            f"{entry['limit']:,.4g}" if entry["limit"] < 1000 else f"{entry['limit']:,.0f}",
            f"{entry['ratio']:.2f}",
        )
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
