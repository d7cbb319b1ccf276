"""Before a function is deployed to run here: its environment is made, its imports are looked for in it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from modelmon.errors import ConfigError, UnavailableError
from modelmon.extras import HOW_TO_BRING
from modelmon.function_spec.folders import log_file
from modelmon.function_spec.function_yaml import read_function
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.environments import Held, environment_of, hold
from modelmon.local.needs import needs_of
from modelmon.local.uv import has_uv
from modelmon.model_monitoring.telling import tell
from modelmon.project.source import imported_modules
from modelmon.settings import Settings

LOOK = "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if u.find_spec(n) is None))"
logger = logging.getLogger(__name__)


def prepare_environment(settings: Settings, name: str, folder: Path) -> None:
    """Make the environment that the function in `folder` needs, where `modelmon up` will run it.

    What is not there to make it with, or does not answer now, is left to `modelmon up`. Warns of a module
    that the function imports and its environment has not. Raises ConfigError for requirements that can't be
    installed.
    """
    if settings.platform != EMBEDDED:
        return
    environment = environment_of(needs_of(read_function(folder, settings, name), settings))
    if not environment.is_made and not has_uv():
        return
    log = log_file(Path(settings.project_dir), name)
    try:
        held = hold(environment, lambda text: tell(f"{name}: {text}"), log, lambda: False)
    except UnavailableError as error:
        logger.warning("%s: %s; `modelmon up` tries again", name, error)
        return
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    try:
        missing = _missing(held, imported_modules(folder))
    finally:
        held.close()
    for module in missing:
        logger.warning("%s: its code imports %s, which is not installed: %s", name, module, HOW_TO_BRING)


def _missing(held: Held, modules: Iterable[str]) -> list[str]:
    names = sorted(set(modules) - sys.stdlib_module_names - {"modelmon"})
    if not names:
        return []
    command, seen = [held.python, "-P", "-c", LOOK, *names], held.variables(os.environ)
    done = subprocess.run(command, env=seen, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return done.stdout.split()
