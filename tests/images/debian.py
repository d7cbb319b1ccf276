"""The base image of the tests: a Debian root with Python 3.11, made here and kept for the next run.

No registry is asked. The mirror is the one that apt uses here; certificates, proxies and the package index
are what the environment says. None of them is written down.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import urllib.parse
from pathlib import Path

from services.install import install_once, services_folder

SUITE = "bookworm"  # its Python is 3.11
PACKAGES = "python3,python3-pip,ca-certificates"
TIMEOUT_SECONDS = 1200
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT = Path("/etc/apt")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
FOR_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def mirror() -> str:
    """Debian's mirror, as apt's sources have it; "" where apt knows none."""
    for file in sorted([APT / "sources.list", *(APT / "sources.list.d").glob("*")]):
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("deb ", "URIs:")):
                for address in re.findall(r"https?://\S+", line):
                    if urllib.parse.urlsplit(address).path.rstrip("/").endswith("/debian"):
                        return address
    return ""


def root() -> Path:
    """The folder of the Debian root. Raises RuntimeError with debootstrap's reason."""
    place = services_folder() / f"debian-{SUITE}"
    install_once(place, _make)
    return place


def environment() -> dict[str, str]:
    """What the machine's environment says of indexes and proxies, for the containers."""
    found = {name: os.environ[name] for name in (*FOR_PIP, *PROXIES) if os.environ.get(name)}
    return found | {"PIP_CERT": CERTIFICATES}


def certificates() -> bytes:
    """The authorities that this machine trusts."""
    named = (
        os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    )
    return Path(named).read_bytes() if named and Path(named).is_file() else b""


def _make(place: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(place), mirror()]
    if KEYRING.is_file():
        command.insert(1, f"--keyring={KEYRING}")
    done = subprocess.run(
        command, env=os.environ | _proxy(), capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    if done.returncode:
        raise RuntimeError(
            f"debootstrap could not make a Debian root:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
        )
    for marker in place.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # as in the images of Python that Nuclio builds on
    (place / "usr/bin/python").symlink_to("python3")
    shutil.rmtree(place / "var/cache/apt/archives", ignore_errors=True)


def _proxy() -> dict[str, str]:
    """apt's own, which debootstrap does not read."""
    done = subprocess.run(
        ["apt-config", "shell", "PROXY", "Acquire::http::Proxy"], capture_output=True, text=True, check=False
    )
    found = re.search(r"PROXY='([^']+)'", done.stdout)
    return {"http_proxy": found[1]} if found else {}
