"""Deploys what is decided and due at a time: `python -m modelmon.retraining.deploying MICROSECONDS`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from modelmon.ledger.challengers import UNSETTLED
from modelmon.project.deploying_decided import deploy_decided
from modelmon.project.project import Project
from modelmon.settings import Settings


def main(now_us: int) -> int:
    """The exit code is 1 where something is left."""
    settings = Settings.load()
    done = deploy_decided(Project(settings.project, Path(settings.project_dir)), due_us=now_us)
    return int(any(each.state in UNSETTLED for each in done))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(main(int(sys.argv[1])))
