"""The command line, and what happens when a command fails: one line, and its exit code."""

import logging
import os
import sys
from importlib import import_module

import typer

from stream.cli.commands import Commands
from stream.cli.usage_errors import UsageError, told_of
from stream.exit_codes import ExitCode
from stream.expected import ExpectedError

app = typer.Typer(
    name="leadstream",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def about() -> None:
    """Scores sales leads while they act: Kafka in, calibrated and explained scores out."""


def main() -> None:
    """Run a command."""
    # Where no command sets up logs, what goes wrong is said once, by the line below.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    if any(name.startswith("LEADSTREAM_") for name in os.environ):
        for complaint in import_module("stream.cli.environment").complaints(os.environ):
            print(f"leadstream: {complaint}", file=sys.stderr)
    try:
        code = app(prog_name="leadstream", standalone_mode=False)
    except UsageError as error:
        wrong = told_of(error, sys.argv[1:])
        if wrong is not None:
            print(f"leadstream: {wrong}", file=sys.stderr)
        raise SystemExit(ExitCode.CALLED_WRONGLY) from None
    except typer.Abort:
        _fail("ended where it asked; run it again, and answer")
    except ExpectedError as error:
        _fail(str(error))
    except Exception as error:
        message = import_module("stream.cli.failures").told(error)
        if message is None:
            raise
        _fail(message)
    else:
        raise SystemExit(code if isinstance(code, int) else ExitCode.DONE)


def _fail(message: str) -> None:
    # Clients that never got a connection, or were shut out, complain of what nobody asked them.
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    print(f"leadstream: {message}", file=sys.stderr)
    raise SystemExit(ExitCode.FAILED)
