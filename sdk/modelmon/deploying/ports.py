"""The port that a function has on this machine under Docker, the same whenever its container is started.

Docker gives each start another port where nobody named one: after a crash, or a restart of the machine, a
function would be at an address that nobody knows, nuctl included.
"""

from __future__ import annotations

import socket
from pathlib import Path
from zlib import crc32

from modelmon.deploying.plan import Plan
from modelmon.deploying.target import LOCAL
from modelmon.errors import ConfigError
from modelmon.local.folders import port_file

FIRST, COUNT = 20000, 10000
"""Below the ports that systems give to whoever asks for any."""


def port_of(plan: Plan, function: str) -> int:
    """The function's port, chosen when it is asked for first and kept in the project; 0 where Nuclio decides:
    on Kubernetes, and outside a project. Raises ConfigError when no port is free."""
    from modelmon.model_monitoring.folders import write_private  # brings the stores

    if plan.platform != LOCAL or not plan.project_dir:
        return 0
    file = port_file(Path(plan.project_dir), function)
    kept = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if kept.isdigit():
        return int(kept)
    taken = {each.read_text(encoding="utf-8").strip() for each in file.parent.glob(f"*{file.suffix}")}
    begin = crc32(f"{plan.settings.nuclio_namespace}/{function}".encode())
    for offset in range(COUNT):
        port = FIRST + (begin + offset) % COUNT
        if str(port) not in taken and _is_free(port):
            write_private(file, str(port).encode())
            return port
    raise ConfigError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free: name one as attributes.port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
