"""Wrong calls, told in one line: what was wrong, its value, what to do."""

from collections.abc import Sequence
from typing import Any

import typer

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What is raised for a wrong call; typer names it nowhere else, and brings its own click."""


def told_of(error: Any, arguments: Sequence[str]) -> str | None:
    """Return what to tell of a wrong call; None where help has been shown instead.

    Parameters
    ----------
    arguments
        Of the call, without the command's own name.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        return None
    message = " ".join(error.format_message().split()).rstrip(".")
    value = _value_of(error, arguments)
    given = f" (given: {value!r:.80})" if value is not None and value not in message else ""
    path = error.ctx.command_path.split(" ", 1)[1:] if error.ctx is not None else []
    return f"{message}{given}; `{' '.join(['leadstream', *path])} --help` shows what can be given"


def _value_of(error: Any, arguments: Sequence[str]) -> str | None:
    """Return what an option was given, where the call has it."""
    names = getattr(getattr(error, "param", None), "opts", ())
    for place, argument in enumerate(arguments):
        name, is_joined, value = argument.partition("=")
        if name in names:
            following = arguments[place + 1 : place + 2]
            return value if is_joined else next(iter(following), None)
    return None
