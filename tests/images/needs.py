"""What the tests of images need of the machine."""

from __future__ import annotations

import os
import shutil

from . import debian

PROGRAMS = ("dockerd", "docker", "debootstrap", "ip")


def missing() -> str:
    """What this machine lacks, as a sentence; "" when all is there."""
    if os.geteuid() != 0:
        return "needs root: it starts a Docker daemon and makes a Debian root"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return f"needs {program}: apt-get install docker.io debootstrap iproute2"
    return "" if debian.mirror() else "needs a Debian mirror among apt's sources"
