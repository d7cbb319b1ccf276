"""Where settings are written down: the project's modelmon.yaml, its credentials, the environment."""

from __future__ import annotations

import json
import logging
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from modelmon.errors import ConfigError
from modelmon.secrecy import yaml_mistake

PREFIX = "MODELMON_"
FILE_NAME = "modelmon.yaml"
STATE_FOLDER = ".modelmon"
CREDENTIALS_NAME = "credentials.json"
PRIVATE = 0o700
NO_SETTINGS = re.compile(r"DEBUG|SERVICES|URL|TOKEN|JOB|DEMO_.*")
"""Variables of ours that others read."""
logger = logging.getLogger(__name__)


def from_file(folder: str | Path) -> dict[str, Any]:
    """What the project's modelmon.yaml says. Raises ConfigError, which quotes nothing of it."""
    path = Path(folder) / FILE_NAME
    if not folder or not path.is_file():
        return {}
    try:
        content, twice = _parsed(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not YAML: byte {error.start} is not UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML: {yaml_mistake(error)}") from None  # both quote the line
    if twice:
        raise ConfigError(f"{path}: {twice}; leave one of the two")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold `name: value` lines, got a {type(content).__name__}")
    return content


def _parsed(text: str) -> tuple[Any, str]:
    """What a text in YAML says, and where it gives a name a second time ("": nowhere), of which YAML would
    take the last."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    return content, _given_twice(node)


def _given_twice(node: yaml.Node | None) -> str:
    lines: dict[str, int] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        line = key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.value in lines:
            name = key.value if key.value.isidentifier() else "the same name"  # that may hold a password
            return f"line {line} gives {name} again, after line {lines[key.value]}"
        if isinstance(key, yaml.ScalarNode):
            lines[key.value] = line
    return ""


def from_credentials(folder: str | Path, settings: Collection[str]) -> dict[str, Any]:
    """What the project's credentials say of these settings. Raises ConfigError, which quotes none of it."""
    path = Path(folder) / STATE_FOLDER / CREDENTIALS_NAME
    if not folder or not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: content[name] for name in settings if name in content}
    except (OSError, ValueError, TypeError) as error:
        # What the file holds must not come out with the reason.
        raise ConfigError(
            f"{path} can't be read ({type(error).__name__}): set the credentials again"
        ) from None


def from_environment(environ: Mapping[str, str], settings: Collection[str]) -> dict[str, str]:
    """What the environment says of these settings. One of ours that is none gets a warning, once."""
    found = {}
    for key, value in environ.items():
        name = key.removeprefix(PREFIX)
        if key.startswith(PREFIX) and name.lower() in settings:
            found[name.lower()] = value
        elif key.startswith(PREFIX) and not NO_SETTINGS.fullmatch(name):
            _warn_of_unknown(key, tuple(settings))
    return found


@cache  # settings are read often
def _warn_of_unknown(variable: str, settings: tuple[str, ...]) -> None:
    from difflib import get_close_matches

    known = [PREFIX + name.upper() for name in settings]
    close = get_close_matches(variable, known, n=1, cutoff=0.7)
    mend = f"did you mean {close[0]}?" if close else "'Settings' in the docs lists them"
    logger.warning("the environment variable %s is no setting and is ignored; %s", variable, mend)


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it; a project's state folder on the way is its owner's alone.

    It is closed where others may look into it: it holds what requests held, and tokens. Raises OSError.
    """
    path = Path(path)
    state = next((each for each in (path, *path.parents) if each.name == STATE_FOLDER), None)
    if state is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.mkdir(mode=PRIVATE, exist_ok=True)
        with suppress(PermissionError):  # another user's, who has let us in
            if stat.S_IMODE(state.stat().st_mode) & ~PRIVATE:
                state.chmod(PRIVATE)
    path.mkdir(parents=True, exist_ok=True)
