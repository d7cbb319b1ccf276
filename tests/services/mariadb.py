"""A real MariaDB for the tests: on a loopback port of its own, as a user that is not root."""

from __future__ import annotations

import atexit
import os
import shutil
from functools import cache
from importlib.util import find_spec
from uuid import uuid4

import pytest

from . import free_ports
from .debian import can_install, install_packages
from .server import Server, serve

PACKAGES = ("mariadb-server-core", "mariadb-client-core")  # the server alone: they start no service
OWNER, USER, PASSWORD = "nobody", "modelmon", "open-sesame-7"
_NO_FILES = "--no-defaults"


def is_installed() -> bool:
    return None not in map(_program, ("mariadbd", "mariadb-install-db", "my_print_defaults"))


def missing() -> str:
    """Why there is no MariaDB for tests, as a sentence; empty when there is one or it can be installed."""
    if find_spec("pymysql") is None:
        return "pymysql is not installed (make setup)"
    if is_installed() or can_install():
        return ""
    return "MariaDB is not installed, and installing it (`make services`) needs root and apt-get"


def install_mariadb() -> bool:
    return install_packages(is_installed, *PACKAGES)


class MariaDB(Server):
    """A server in its own defaults, but for what a power cut would need."""

    title = "MariaDB"

    def __init__(self) -> None:
        install_mariadb()
        super().__init__(OWNER)
        (self.port,) = free_ports(1)
        self._prepare([
            *self._own_temporaries(), str(_program("mariadb-install-db")), _NO_FILES,
            f"--datadir={self._folder}/data",
            "--skip-test-db", "--auth-root-authentication-method=normal",
        ])  # fmt: skip

    def database(self, name: str = "") -> str:
        """URL of a new and empty database, in the collation that a server has when nobody chose one."""
        name = name or f"t{uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO {USER}@'127.0.0.1'")
        return f"mariadb://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def sql(self, *statements: str) -> None:
        """Run statements as the server's owner."""
        import pymysql

        with pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True) as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def _own_temporaries(self) -> list[str]:
        # A server that starts deletes temporary tables that it finds: in `/tmp` those of another one, too.
        return ["env", f"TMPDIR={self._folder}"]

    def _command(self) -> list[str]:
        return [
            *self._own_temporaries(), str(_program("mariadbd")), _NO_FILES, f"--datadir={self._folder}/data",
            "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self._folder}/socket",
            f"--pid-file={self._folder}/pid", "--innodb-buffer-pool-size=64M", "--max-connections=200",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync",  # no power cut in tests
        ]  # fmt: skip

    def _answers(self) -> bool:
        import pymysql

        try:
            self.sql(f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        except pymysql.OperationalError:
            return False
        return True


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")


NEEDS_MARIADB = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


@cache
def shared_mariadb() -> MariaDB:
    """The server that the tests of this process share; it ends with the process."""
    server = MariaDB()
    atexit.register(server.stop)
    server.start()
    return server


if __name__ == "__main__":  # a server to try things with: python -m tests.services.mariadb
    server = MariaDB()
    server.start()
    serve(server, server.database("modelmon"))
