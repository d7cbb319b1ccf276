"""A real MariaDB for the tests: on a loopback port of its own, as a user that is not root."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from . import free_ports
from .debian import as_user, can_install, give, install_packages
from .watching import EndsWithUs

PACKAGES = ("mariadb-server-core", "mariadb-client-core")  # the server alone: they start no service
START_SECONDS = 90.0
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


class MariaDB:
    """A server that runs until `stop`. `kill` is `kill -9`; `start` brings it back with what it had."""

    def __init__(self) -> None:
        install_mariadb()
        self._folder = Path(tempfile.mkdtemp(prefix="modelmon-mariadb-", dir="/tmp"))
        give(self._folder, OWNER)
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: EndsWithUs | None = None
        command = [
            str(_program("mariadb-install-db")), _NO_FILES, f"--datadir={self._folder}/data",
            "--skip-test-db", "--auth-root-authentication-method=normal",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_SECONDS, **as_user(OWNER)
        )
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

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

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            str(_program("mariadbd")), _NO_FILES, f"--datadir={self._folder}/data",
            "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self._folder}/socket",
            f"--pid-file={self._folder}/pid", "--innodb-buffer-pool-size=64M", "--max-connections=200",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync",  # no power cut in tests
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **as_user(OWNER)
            )
        self._watcher = EndsWithUs(self._process.pid, self._folder)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB did not start:\n{self.log[-3000:]}")
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """`kill -9`."""
        self._end()

    def freeze(self) -> None:
        """From now on it accepts everything and answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and remove what it wrote."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "started first"
        self._process.send_signal(number)

    def _end(self) -> None:
        if self._watcher is not None:
            self._watcher.forget()
            self._watcher = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

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
    print(server.database("modelmon"), os.getpid(), flush=True)
    try:
        signal.pause()
    finally:
        server.stop()
