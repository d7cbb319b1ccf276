"""How a serving function is called: the workers and the port of its HTTP trigger."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import FILE

WORKERS = "numWorkers: ${serving_workers}"
"""The last line of the template's trigger."""
MOST_WORKERS, LAST_PORT = 100_000, 65_535


class HttpOptions(msgspec.Struct, frozen=True):
    """Workers None and port 0 are what the project's settings say: `serving_workers`, and any free port from
    `http_port` on."""

    workers: int | None = None
    port: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("workers", 1 if self.workers is None else self.workers, 1, MOST_WORKERS),
            ("port", self.port, 0, LAST_PORT),
        ):
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ConfigError(
                    f"with_http: {name} must be a whole number from {least} to {most}, got {value!r}"
                )


def settle_http(folder: Path, options: HttpOptions) -> None:
    """Write them into the function.yaml of a folder that is being made."""
    path = folder / FILE
    text = path.read_text(encoding="utf-8")
    if options.port:
        text = text.replace(WORKERS, f"{WORKERS}\n      attributes:\n        port: {options.port}")
    if options.workers is not None:
        text = text.replace(WORKERS, f"numWorkers: {options.workers}")
    path.write_text(text, encoding="utf-8")
