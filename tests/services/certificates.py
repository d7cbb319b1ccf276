"""Certificates for a broker on loopback and for a client that it knows, made with openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

MISSING = "" if shutil.which("openssl") else "certificates need openssl on the PATH"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


def make_certificates(folder: Path) -> None:
    """ca.pem, and broker.pem and client.pem that it signed, each with the key in the same file."""
    _openssl(folder, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests")
    for name in ("broker", "client"):
        _openssl(
            folder, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}",
            "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1",
        )  # fmt: skip
        parts = [(folder / f"{name}.{part}").read_text(encoding="utf-8") for part in ("key", "crt")]
        (folder / f"{name}.pem").write_text("".join(parts), encoding="utf-8")


def _openssl(folder: Path, *arguments: str) -> None:
    command = ["openssl", "req", "-x509", *KEY, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"openssl could not make a certificate:\n{done.stderr[-2000:]}")
