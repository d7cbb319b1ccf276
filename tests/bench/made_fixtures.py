"""The projects that the page is measured on, made once and kept in `build/made`; smaller ones by environment.

`BENCH_ENDPOINTS=100 BENCH_LONG_DAYS=30 make bench` is quick; the whole long one takes three minutes of CPU.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from api_client import ApiClient
from made_project import HOUR, Made, Shape, make
from modelmon.api import serving
from modelmon.api.application import keep_what_is_there
from modelmon.model import wall_clock_us
from modelmon.settings import Settings
from tests.services import postgres

KEPT = Path(__file__).parents[2] / "build" / "made"
ENDPOINTS, FEATURES, LONG, SHORT = (int(os.environ.get(f"BENCH_{name}", size)) for name, size in (
    ("ENDPOINTS", 1_000), ("FEATURES", 100), ("LONG_DAYS", 90), ("SHORT_DAYS", 7),
))  # fmt: skip
ON_SERVER = int(os.environ.get("BENCH_SERVER_ENDPOINTS", ENDPOINTS))
WITH_FEATURES = 3


def kept(days: int) -> Made:
    """On SQLite; the one of this shape that was made before, else made now."""
    folder = KEPT / f"{ENDPOINTS}-{FEATURES}-{days}"
    done = folder / "until_us"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        shape = _shape(ENDPOINTS, days)
        make(folder, shape)
        done.write_text(str(shape.until_us), encoding="utf-8")
    until_us = int(done.read_text())
    shape = Shape(until_us, ENDPOINTS, FEATURES, days, with_features=WITH_FEATURES)
    return Made(Settings.load(folder), shape)


@contextmanager
def on_postgresql() -> Iterator[Made | None]:
    """The shorter history on a server of its own, while inside; None where there is no PostgreSQL."""
    if postgres.missing():
        yield None
        return
    server = postgres.Postgres()
    server.start()
    try:
        with TemporaryDirectory() as folder:
            url = server.database()
            made = make(Path(folder, "made"), _shape(ON_SERVER, SHORT), records_url=url)
            server.sql("VACUUM ANALYZE", url.rpartition("/")[2])
            yield made
    finally:
        server.stop()


@contextmanager
def asked(made: Made) -> Iterator[ApiClient]:
    """The page of a project, in this process, at the time its data end."""
    clock, serving.wall_clock_us = serving.wall_clock_us, lambda: made.now_us
    client = ApiClient(made.settings)
    keep_what_is_there()  # as where it is served
    try:
        yield client
    finally:
        client.close()
        serving.wall_clock_us = clock


def named(technology: str, made: Made) -> str:
    return f"{technology}, {made.shape.endpoints:,} endpoints, {made.shape.days} days"


def _shape(endpoints: int, days: int) -> Shape:
    now_us = wall_clock_us()
    return Shape(now_us - now_us % HOUR, endpoints, FEATURES, days, with_features=WITH_FEATURES)
