"""`python -m modelmon.cli`, where no script directory is on the path."""

from modelmon.cli import main

main()
