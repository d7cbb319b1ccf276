"""Where things lie: function folders, those that come with ModelMon and those that are deployed, and the
files under a project's `.modelmon/`."""

from __future__ import annotations

from pathlib import Path

import modelmon
from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import FILE
from modelmon.settings import FILE_NAME, STATE_FOLDER

BUNDLE_MARKER = ".modelmon-bundle"


def templates() -> Path:
    """Folder of the function folders that come with ModelMon: the checkout's, else the wheel's."""
    package = Path(modelmon.__file__).parent
    for candidate in (package.parent.parent / "functions", package / "_functions"):
        if (candidate / "apps").is_dir():
            return candidate
    raise ConfigError(f"no function folders beside {package}: this installation of ModelMon is incomplete")


def template(name: str) -> Path:
    """Folder of one function: `stream`, `controller`, `apps/histogram_drift`, `apps/_template` ….

    Raises ConfigError for a name that is not there.
    """
    folder = templates() / name
    if not (folder / FILE).is_file():
        raise ConfigError(f"no function folder {name!r}; there are: {', '.join(template_names())}")
    return folder


def template_names() -> list[str]:
    """Every function folder that comes with ModelMon, as `template` takes it."""
    root = templates()
    return sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"**/{FILE}"))


def find_project(start: Path, *, exact: bool = False) -> Path:
    """The nearest folder from `start` upward that holds modelmon.yaml; only `start` itself if `exact`.

    Raises ConfigError if there is none.
    """
    for folder in (start,) if exact else (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ConfigError(
        f"no {FILE_NAME} in {start}{'' if exact else ' or above it'}: `modelmon init` makes a project, "
        "--project-dir names one elsewhere"
    )


def state_folder(project: Path) -> Path:
    return project / STATE_FOLDER


def functions_folder(project: Path) -> Path:
    """Holds one folder a deployed function."""
    return state_folder(project) / "functions"


def deployed(folder: Path) -> dict[str, Path]:
    """Function name to folder; hidden folders are being written and do not count yet."""
    if not folder.is_dir():
        return {}
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if not path.name.startswith((".", "_")) and (path / FILE).is_file()
    }


def is_bundled(target: Path) -> bool:
    """Whether `modelmon bundle` has made this folder: what is in it goes to nuctl as it stands."""
    return target.is_dir() and not target.is_symlink() and (target / BUNDLE_MARKER).is_file()


def address_file(project: Path, function: str) -> Path:
    """Holds "host:port" while the function's HTTP trigger is up."""
    return functions_folder(project) / f"{function}.address"


def port_file(project: Path, function: str) -> Path:
    """Holds the port that the function's HTTP trigger has on this machine under Docker."""
    return functions_folder(project) / f"{function}.port"


def log_file(project: Path, function: str) -> Path:
    return state_folder(project) / "logs" / f"{function}.log"


def lock_file(project: Path) -> Path:
    """Holds the process id of the runner; the lock itself is on the project's folder."""
    return state_folder(project) / "runner.lock"


def report_file(project: Path) -> Path:
    """Holds what the runner says of its workers, for `modelmon status`."""
    return state_folder(project) / "runner.json"
