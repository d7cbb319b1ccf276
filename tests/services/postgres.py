"""A real PostgreSQL for the tests: on a loopback port of its own, as a user that is not root."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from . import free_ports
from .debian import can_install, install_packages
from .server import Server, serve

PACKAGE = "postgresql"
OWNER, USER, PASSWORD = "postgres", "modelmon", "open-sesame-7"


def programs() -> Path | None:
    """The folder with `postgres` and `initdb`, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def missing() -> str:
    """Why there is no PostgreSQL for tests, as a sentence; empty when there is one or it can be installed."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed (make setup)"
    if programs() is not None or can_install():
        return ""
    return "PostgreSQL is not installed, and installing it (`make services`) needs root and apt-get"


def install_postgres() -> bool:
    return install_packages(lambda: programs() is not None, PACKAGE)


class Postgres(Server):
    """A server whose owner needs no password, and everybody else one."""

    title = "PostgreSQL"

    def __init__(self, *, durable: bool = False) -> None:
        """`durable`: a commit waits for the disk; tests cut no power."""
        install_postgres()
        super().__init__(OWNER)
        self._durable = durable
        found = programs()
        assert found is not None
        self._programs = found
        (self.port,) = free_ports(1)
        self._prepare([
            str(found / "initdb"), "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        ])  # fmt: skip
        (Path(self._data) / "pg_hba.conf").write_text(
            f"host all {OWNER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
            encoding="utf-8",
        )

    def database(self, name: str = "") -> str:
        """URL of a new and empty database."""
        name = name or f"t{uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name} OWNER {USER}")
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the server's owner, outside of any transaction."""
        import psycopg

        address = f"host=127.0.0.1 port={self.port} user={OWNER} dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def _command(self) -> list[str]:
        return [
            str(self._programs / "postgres"), "-D", self._data, "-c", "listen_addresses=127.0.0.1",
            "-p", str(self.port), "-k", str(self._folder), "-c", "max_connections=200",
            "-c", f"fsync={'on' if self._durable else 'off'}",
            "-c", "dynamic_shared_memory_type=mmap",  # in the data folder: nothing is left when it is killed
        ]  # fmt: skip

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _processes(self) -> list[int]:
        """The server's own and those that serve a connection: each is a session of its own."""
        (main,) = super()._processes()
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii")
        return [main, *map(int, children.split())]

    def _answers(self) -> bool:
        import psycopg

        try:
            self.sql("SELECT 1")
            if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{USER}'"):
                self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        except psycopg.OperationalError:
            return False
        return True


NEEDS_POSTGRES = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


@cache
def shared_postgres() -> Postgres:
    """The server that the tests of this process share; it ends with the process."""
    server = Postgres()
    atexit.register(server.stop)
    server.start()
    return server


if __name__ == "__main__":  # a server to try things with: python -m tests.services.postgres
    server = Postgres()
    server.start()
    serve(server, server.database("modelmon"))
