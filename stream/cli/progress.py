"""How far a long command is, on a terminal; nothing where standard error is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def shown_progress(
    what: str, total: float | None, *, in_bytes: bool = False
) -> Iterator[Callable[[float], None]]:
    """Show how far a command is while a block runs; yield what takes how much is done.

    Parameters
    ----------
    what
        Is done, in a word or two.
    total
        Of what there is to do; None where nobody knows.
    in_bytes
        Whether it is counted in bytes.
    """
    console = Console(stderr=True)
    counted: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), counted, TimeElapsedColumn())
    rest = () if total is None else (TimeRemainingColumn(),)
    with Progress(
        *columns, *rest, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
