"""The port that a function has on this machine under Docker, the same whenever its container is started.

Docker gives each start another port where nobody named one: after a crash, or a restart of the machine, a
function would be at an address that nobody knows, nuctl included.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from zlib import crc32

from modelmon.deploying.plan import Plan
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import functions_folder, port_file
from modelmon.function_spec.function_yaml import FILE, parse, placeholders, render
from modelmon.function_spec.platforms import LOCAL

FIRST, COUNT = 20000, 10000
"""Below the ports that systems give to whoever asks for any."""


def port_of(plan: Plan, function: str) -> int:
    """The function's port, chosen when it is asked for first and kept in the project; 0 where Nuclio decides:
    on Kubernetes, and outside a project. Raises ConfigError when no port is free."""
    from modelmon.model_monitoring.whole_folders import write_private  # brings the stores

    if plan.platform != LOCAL or not plan.project_dir:
        return 0
    file = port_file(Path(plan.project_dir), function)
    kept = _kept(file)
    if kept:
        return kept
    taken = {each.read_text(encoding="utf-8").strip() for each in file.parent.glob(f"*{file.suffix}")}
    begin = crc32(f"{plan.nuclio.nuclio_namespace}/{function}".encode())
    for offset in range(COUNT):
        port = FIRST + (begin + offset) % COUNT
        if str(port) not in taken and _is_free(port):
            write_private(file, str(port).encode())
            return port
    raise ConfigError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free: name one as attributes.port")


def port_there(plan: Plan, function: str) -> int:
    """The port of a deployed function's container, whatever Nuclio says of it meanwhile: the one its HTTP
    trigger names, else the one that is kept; 0 for none, and where Nuclio decides."""
    if plan.platform != LOCAL or not plan.project_dir:
        return 0
    for attributes in _http_attributes(plan, function):
        if attributes.get("disablePortPublishing"):
            return 0
        port = attributes.get("port")
        return port if isinstance(port, int) else _kept(port_file(Path(plan.project_dir), function))
    return 0


def _http_attributes(plan: Plan, function: str) -> list[dict[str, Any]]:
    path = functions_folder(Path(plan.project_dir)) / function / FILE
    try:
        text = path.read_text(encoding="utf-8")
        triggers = parse(render(text, placeholders(plan.settings, function))).get("triggers")
    except (OSError, ValueError, ConfigError):
        return []  # what is wrong with it is told where it is deployed
    found = (
        [each for each in triggers.values() if isinstance(each, dict)] if isinstance(triggers, dict) else []
    )
    attributes = [each.get("attributes") for each in found if each.get("kind") == "http"]
    return [each if isinstance(each, dict) else {} for each in attributes]


def _kept(file: Path) -> int:
    text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return int(text) if text.isdigit() else 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
