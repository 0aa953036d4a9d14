"""``python -m stream``: the command line, where no script is installed."""

from stream.cli import main

if __name__ == "__main__":
    main()
