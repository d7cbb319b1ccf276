"""Where the code of a class stands."""

from __future__ import annotations

import inspect
from pathlib import Path

from modelmon.errors import ConfigError


def code_of_class(found: type) -> tuple[Path | None, str]:
    """The file of a class and its name there; of one of ModelMon's own no file and "module.Class".

    Raises ConfigError for a class that was written into the running script or notebook.
    """
    if found.__module__ == "__main__":
        raise ConfigError(
            f"application_class: {found.__name__} stands in the script that runs now; put it into a file of "
            "its own and give that as func"
        )
    if found.__module__.partition(".")[0] == "modelmon":
        return None, f"{found.__module__}.{found.__name__}"
    return Path(inspect.getfile(found)).resolve(), found.__name__
