"""The command `modelmon`, also as `python -m modelmon`; an interrupt while it loads shows no traceback."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where it is ignored, as in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from modelmon.cli import main as run  # takes a moment

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
