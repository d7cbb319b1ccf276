"""One run of a job in its own process: `python -m modelmon.retraining RUN FILE FUNCTION PIPE SECONDS`."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from modelmon.errors import ConfigError, ModelMonError
from modelmon.ledger import job_runs
from modelmon.ledger.job_runs import DONE, FAILED
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.retraining.job import JobContext, job_context
from modelmon.retraining.lifeline import hold
from modelmon.retraining.reviewing import review_logged
from modelmon.settings import Settings

logger = logging.getLogger(__name__)
MOST_SAID = 2_000


def main(run_id: str, file: str, function: str) -> int:
    """Run it and tell how it ended; the exit code is 1 where it failed."""
    settings = Settings.load()
    try:
        context = job_context(settings, run_id)
        _code(Path(file), function)(context)
        review_logged(context.project, run_id, context.asked)
        state, why = DONE, ""
    except (Exception, SystemExit) as error:  # noqa: BLE001 - seam: the job is the user's code
        traceback.print_exc()
        state, why = FAILED, _said(error)
    with opened(settings) as database, database.write() as connection:
        job_runs.finish(connection, run_id, state, why, wall_clock_us())
    return int(state != DONE)


def _code(file: Path, function: str) -> Callable[[JobContext], Any]:
    sys.path.insert(0, str(file.parent))
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is no Python file")
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    code: Callable[[JobContext], Any] = getattr(module, function)
    return code


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it ran out of memory (job_memory_megabytes)"
    said = str(error) if isinstance(error, ModelMonError) else f"{type(error).__name__}: {error}"
    return said[:MOST_SAID]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    hold(int(sys.argv[4]), float(sys.argv[5]))
    sys.exit(main(*sys.argv[1:4]))
