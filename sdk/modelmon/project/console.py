"""What comes next, said to who runs a script."""

from __future__ import annotations

import shlex
from pathlib import Path

from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import read_report
from modelmon.model_monitoring.telling import tell
from modelmon.settings import Settings


def tell_next(settings: Settings) -> None:
    """How what was deployed comes to run, where nothing runs it yet."""
    if settings.platform != EMBEDDED:
        return
    if read_report(Path(settings.project_dir)).pid is None:
        folder = shlex.quote(settings.project_dir)
        tell(f"Next, in a second terminal: modelmon up --project-dir {folder}")
    else:
        tell("`modelmon up` is running and takes it over.")
