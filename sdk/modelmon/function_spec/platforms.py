"""Where functions run: on this machine without Nuclio, or on one of Nuclio's platforms."""

from __future__ import annotations

EMBEDDED, LOCAL, KUBE = "embedded", "local", "kube"
PLATFORMS = (LOCAL, KUBE)
"""Nuclio's names: Docker on one machine, and Kubernetes."""
