"""Installs what the tests run beside us, by name, into a folder outside the repository, once.

    python -m tests.services.install [KAFKA-VERSION ...] [mlrun] [nannyml] [databases]

Apache Kafka comes by Maven, MLRun and NannyML by pip; the others from Debian where we are root.
Without arguments: all that the tests want.

The folder is $MODELMON_SERVICES, else $XDG_CACHE_HOME/modelmon/services, else ~/.cache/modelmon/services.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

KAFKA_VERSION, KAFKA_4_VERSION = "3.9.1", "4.1.0"
SLF4J_VERSION = "1.7.36"  # what Kafka is built with; without it there is no log
FETCH_SECONDS = 600
_POM = """\
<project><modelVersion>4.0.0</modelVersion><groupId>modelmon</groupId><artifactId>services</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{slf4j}</version></dependency></dependencies>
</project>
"""


def services_folder() -> Path:
    given = os.environ.get("MODELMON_SERVICES")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else cache / "modelmon" / "services"


def kafka_jars(version: str) -> Path:
    """The folder with Kafka's jars, whether it is installed or not."""
    return services_folder() / f"kafka-{version}" / "libs"


def is_installed(version: str) -> bool:
    return kafka_jars(version).is_dir()


def missing_programs(*versions: str) -> str:
    """What these versions of Kafka need and this machine lacks, as a sentence; empty when all is there."""
    needed = ["java"] if all(map(is_installed, versions)) else ["java", "mvn"]
    missing = [name for name in needed if shutil.which(name) is None]
    return f"Kafka needs {' and '.join(missing)} on the PATH" if missing else ""


def install_once(place: Path, fetch: Callable[[Path], None]) -> bool:
    """Have `fetch` fill the folder `place` unless it is there; says whether it had to.

    One process at a time installs, the others wait for it; what a killed one left is removed.
    """
    if place.is_dir():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when its holder dies
        if place.is_dir():
            return False
        for left in place.parent.glob(f"{place.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        # Under another name until it is whole: a killed install is no install.
        partial = place.with_name(f"{place.name}-{os.getpid()}")
        try:
            fetch(partial)
            partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return True


def install_kafka(version: str = KAFKA_VERSION) -> bool:
    """Install Kafka unless it is there; says whether it had to. Raises RuntimeError with Maven's reason."""
    return install_once(kafka_jars(version), lambda folder: _fetch(version, folder))


def _fetch(version: str, partial: Path) -> None:
    pom = partial.with_name("pom.xml")
    pom.write_text(_POM.format(kafka=version, slf4j=SLF4J_VERSION), encoding="utf-8")
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS)
    if done.returncode:
        raise RuntimeError(
            f"mvn could not fetch Kafka {version}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def _install_databases() -> None:
    from . import chromium, mariadb, postgres, prometheus

    for name, server, install in (
        ("PostgreSQL", postgres, postgres.install_postgres),
        ("MariaDB", mariadb, mariadb.install_mariadb),
        ("Prometheus", prometheus, prometheus.install_prometheus),
        ("Chromium", chromium, chromium.install_chromium),
    ):
        why_not = server.missing()
        print(why_not or f"{name} {'installed' if install() else 'is there already'}")


def main(wanted: list[str]) -> int:
    if "databases" in wanted or not wanted:
        _install_databases()
    versions = [each for each in wanted if each not in ("mlrun", "nannyml", "databases")]
    if not wanted:
        versions = [KAFKA_VERSION, KAFKA_4_VERSION]
    if missing := missing_programs(*versions):
        print(f"{missing}; install a JRE 17 and Maven, and run this again", file=sys.stderr)
        return 1
    for version in versions:
        did = "installed" if install_kafka(version) else "is there already"
        size = sum(jar.stat().st_size for jar in kafka_jars(version).iterdir())
        print(f"Apache Kafka {version} {did}: {kafka_jars(version)} ({size / 2**20:.0f} MB)")
    if "mlrun" in wanted or not wanted:
        from .mlrun import MLRUN_VERSION, install_mlrun, mlrun_python

        did = "installed" if install_mlrun() else "is there already"
        print(f"MLRun {MLRUN_VERSION} {did}: {mlrun_python().parents[1]}")
    if "nannyml" in wanted or not wanted:
        from .nannyml import NANNYML_VERSION, install_nannyml, nannyml_python

        did = "installed" if install_nannyml() else "is there already"
        print(f"NannyML {NANNYML_VERSION} {did}: {nannyml_python().parents[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
