"""Run by an interpreter that has Evidently: what the app's base says of good and bad input, as JSON."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import sys
import warnings
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PROJECT = "0199c3a1-7d0e-7000-8000-3f2b5c9d1e4a"
ODD = "größe </script><script>x=1</script> 日本 \u2028"
FAR = pd.Timestamp("2030-01-01", tz="UTC")


def rows(seed: int, count: int, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    drawn = {"a": rng.normal(level, 1, count), ODD: rng.normal(0, 1, count)}
    return pd.DataFrame({**drawn, "kind": rng.choice(["x", "y"], count)})


def made(path: str, **more: Any) -> Any:
    """An app that keeps a run of each window, its report, and the project's dashboard."""
    from evidently import Report
    from evidently.presets import DataDriftPreset
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    from modelmon.apps import EvidentlyModelMonitoringApplicationBase

    class App(EvidentlyModelMonitoringApplicationBase):
        def __init__(self, given: Any = None, **others: Any) -> None:
            super().__init__(**{"evidently_project_id": PROJECT, "evidently_workspace_path": path, **others})
            self.given = given
            metric = PanelMetric(metric="ValueDrift", metric_labels={"column": "a"}, legend="of a")
            self.add_project("Prüfung <b>", panels=[line_plot_panel("Drift <i>", [metric])])

        def do_tracking(self, context: Any) -> Any:
            when = context.end_infer_time.to_pydatetime()
            run = Report([DataDriftPreset()]).run(
                context.sample_df[list(self.given)], self.given, timestamp=when
            )
            self.add_run(context, run)
            page = self.log_evidently_object(context, run, "report_1.2")
            board = self.log_project_dashboard(context, FAR - pd.Timedelta(days=9999), FAR)
            return {"page": 1.0, "pages": float(Path(page.path).stat().st_size)} if board else {}

    return App


def judged(app: Any, frame: pd.DataFrame, day: int = 1, **arguments: Any) -> Any:
    start = f"2026-01-{day:02d}T00:00:00+00:00"
    end = f"2026-01-{day:02d}T01:00:00+00:00"
    given = {"given": rows(1, 500), **arguments}
    return app.evaluate(sample_data=frame, start=start, end=end, class_arguments=given)


def refused(work: Any) -> str:
    try:
        found = work()
    except Exception as error:  # noqa: BLE001 - it is what the caller asks for
        return f"{type(error).__name__}: {error}"
    return f"no error: {found!r}"


def _example(folder: Path) -> Any:
    """The module of the example, copied to where nothing lies beside it yet."""
    copy = folder / "example.py"
    copy.write_text((Path(__file__).parents[2] / "examples" / "evidently" / "main.py").read_text())
    sys.path.insert(0, str(folder))
    return import_module("example")


def _start(path: str) -> None:
    made(path)(given=rows(1, 10))


def main(folder: Path) -> dict[str, Any]:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    import modelmon.apps.evidently as ours

    path = str(folder / "workspace")
    app = made(path)
    for day in (1, 2, 3, 3):
        judged(app, rows(day, 200, level=day), day)
    runs = sorted((folder / "workspace" / PROJECT / "snapshots").glob("*.json"))
    found: dict[str, Any] = {"runs": len(runs)}
    (runs[0].parent / f"{PROJECT}.json").write_text(runs[0].read_text()[:100])  # killed half way
    judged(app, rows(4, 200), 4)
    boards = sorted(Path(os.environ["TMPDIR"]).glob("modelmon-artifacts-*/App/20260104*/dashboard-*.html"))
    pages = sorted(Path(os.environ["TMPDIR"]).glob("modelmon-artifacts-*/App/20260104*/report_1.2-*.html"))
    found |= {"board": boards[0].read_text(), "page": pages[0].read_text()[:100], "pages": len(pages)}

    spoilt = rows(9, 200)
    spoilt["a"] = np.nan
    infinite = rows(9, 200)
    infinite.loc[3, "a"] = np.inf
    found["all NaN"] = refused(lambda: judged(app, spoilt, 5))
    found["infinite"] = refused(lambda: judged(app, infinite, 6))
    found["no UUID"] = refused(lambda: app(given=None, evidently_project_id="drift"))
    found["None"] = refused(lambda: app(given=None, evidently_project_id=None))
    found["no path"] = refused(lambda: app(given=None, evidently_workspace_path=None))
    example = _example(folder)
    sample = rows(9, 200)[["a", "kind"]]
    arguments = {"evidently_project_id": PROJECT, "evidently_workspace_path": str(folder / "examples")}
    evaluate = example.EvidentlyDrift.evaluate
    found["no reference"] = refused(lambda: evaluate(sample_data=sample, class_arguments=arguments))
    rows(1, 500).to_parquet(example.REFERENCE)
    gone = sample.assign(a=np.nan)
    (judged_empty,) = evaluate(
        sample_data=gone, reference_data=rows(1, 500)[["a", "kind"]], class_arguments=arguments
    )
    found["empty"] = judged_empty.extra_data["empty"]
    (folder / "file").write_text("")
    found["a file"] = refused(lambda: app(given=None, evidently_workspace_path=str(folder / "file")))
    log = ours.EvidentlyModelMonitoringApplicationBase.log_evidently_object
    found["not run"] = refused(lambda: log(None, Report([DataDriftPreset()]), "report"))
    run = Report([DataDriftPreset()]).run(rows(2, 100), rows(3, 100))
    ours.MOST_BYTES = 1000
    found["huge"] = refused(lambda: log(None, run, "report"))
    one = app(given=None)
    when = datetime(2026, 1, 2)  # noqa: DTZ001 - naive, as Evidently's own
    found["no span"] = refused(lambda: one.log_project_dashboard(None, when, when))
    second = ours.EvidentlyModelMonitoringApplicationBaseV2
    old = type("Old", (second,), {"do_tracking": lambda self, context: None})(path, PROJECT)
    found["1.7's order"] = old.evidently_project.name
    starts = [
        multiprocessing.get_context("fork").Process(target=_start, args=[str(folder / "both")])
        for _ in "abcd"
    ]
    for each in starts:
        each.start()
    for each in starts:
        each.join()
    both = app(given=None, evidently_workspace_path=str(folder / "both"))
    found["at once"] = [
        [each.exitcode for each in starts],
        len(both.evidently_project.dashboard.model().panels),
    ]
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    print(json.dumps(main(Path(sys.argv[1]))))
