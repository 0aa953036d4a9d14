"""``python -m stream``: the command line, where no script is installed."""

from stream.cli import main

main()
