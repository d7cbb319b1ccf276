"""The page of projects, at a fixed time, in a process of its own: prints its address, ends with its input.

`python -m tests.bench.page_process NOW_US FOLDER…`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from modelmon.api import serving
from modelmon.settings import Settings
from page_server import page_served

ROOT = Path(__file__).parents[2]


@contextmanager
def page_beside(now_us: int, *folders: str) -> Iterator[str]:
    """Its address, while inside."""
    command = [sys.executable, "-m", "tests.bench.page_process", str(now_us), *folders]
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def main(now_us: int, folders: list[str]) -> None:
    serving.wall_clock_us = lambda: now_us
    with page_served(*map(Settings.load, map(Path, folders))) as address:
        print(address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
