"""A year of real flights through two models and the whole chain, on this machine: `modelmon demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FOLDER = Path("modelmon-demo")


def run(
    project_dir: Path = FOLDER,
    *,
    months: int = 12,
    goes_on: bool = False,
    retrain: bool = False,
    console: Console | None = None,
) -> int:
    """Train, serve, replay the year, wait for the verdicts, and show them; returns the exit code.

    `months` of the year are replayed. What to look at next is said at the end, unless it `goes_on`. With
    `retrain` the model that drifted is trained anew, and judged beside the one that is served. Its
    project is `project_dir`, made anew each time: what a demo before has left there is removed.
    Raises ConfigError for a folder that holds something else, or in which a demo is running.
    """
    from rich.console import Console

    from modelmon.demo.chain import run_chain

    return run_chain(project_dir, console or Console(), months, goes_on=goes_on, retrain=retrain)
