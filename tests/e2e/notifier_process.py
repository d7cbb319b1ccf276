"""The notifier in a process of its own, on a clock that runs fast: waits of an hour are over in a minute.

`python notifier_process.py CLOCK`: the clock began at that moment, in microseconds, for everybody. Settings
are those of the environment. It ends when it is killed.
"""

from __future__ import annotations

import os
import sys
import time

from modelmon.notify import mail, posting
from modelmon.settings import Settings
from modelmon.stages.notifier import Notifier

SPEED = 60
PATIENCE_S = 0.7
"""Of the notifier in this process: what hangs is given up after so long."""


def fast_clock_us(began_us: int) -> int:
    return began_us + SPEED * (time.time_ns() // 1000 - began_us)


def main() -> None:
    mail.SECONDS = posting.SECONDS = PATIENCE_S
    began_us = int(sys.argv[1])
    notifier = Notifier.open(Settings.load(environ=os.environ))
    print("ready", flush=True)
    while True:
        done = notifier.tick_blocking(fast_clock_us(began_us))
        print(done, file=sys.stderr, flush=True)
        time.sleep(0.02)  # its pace: more than a second on its clock


if __name__ == "__main__":
    main()
