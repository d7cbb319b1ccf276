"""A real browser for the tests: Debian's Chromium, headless, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .debian import can_install, install_packages

PACKAGE = "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def missing() -> str:
    """Why there is no browser for tests; empty when there is one or it can be installed."""
    if program() is not None or can_install():
        return ""
    return "Chromium is not installed, and installing it (`make services`) needs root and apt-get"


def install_chromium() -> bool:
    return install_packages(lambda: program() is not None, PACKAGE)


@contextmanager
def browser() -> Iterator[Any]:
    """A Chromium that runs inside `with`."""
    from playwright.sync_api import sync_playwright

    install_chromium()
    with sync_playwright() as playwright:
        # The tests may run as root, where Chromium has no sandbox; it shows our own pages alone.
        started = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()
