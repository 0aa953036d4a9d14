"""The command line: every command has --help with an example, and --json where it reports."""

from stream.cli.main import main

__all__ = ["main"]
