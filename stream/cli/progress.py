"""How far a long command is, on a terminal; nothing where standard error is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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

from stream.event_files import read_lines

UPDATE_S = 0.1
"""Between two looks at how far a command is: looking at every event would hold it up."""


@contextmanager
def shown_progress(
    what: str, total: float | None = None, *, in_bytes: bool = False
) -> Iterator[Callable[[float], None]]:
    """Show how far a command is while a block runs; yield what takes how much is done.

    Parameters
    ----------
    what
        Is done, in a word or two.
    total
        Of what there is to do; None where nobody knows, and only the time is shown.
    in_bytes
        Whether it is counted in bytes.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn(what), BarColumn()]
    if total is not None:
        columns += [DownloadColumn() if in_bytes else MofNCompleteColumn(), TimeRemainingColumn()]
    # What is measured meanwhile is not to be held up by who watches.
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, refresh_per_second=2
    ) as progress:
        task = progress.add_task(what, total=total)
        told_s = 0.0

        def tell(done: float) -> None:
            nonlocal told_s
            now_s = time.monotonic()
            if now_s - told_s >= UPDATE_S:
                told_s = now_s
                progress.update(task, completed=done)

        yield tell


@contextmanager
def shown_lines(what: str, file: Path) -> Iterator[Iterator[bytes]]:
    """Show how far a file of events is read while a block runs; yield its lines.

    Raises
    ------
    EventFileError
        As the lines are read, if they cannot be.
    """
    total = file.stat().st_size if file.is_file() else None
    with shown_progress(what, total, in_bytes=True) as progress:
        yield read_lines(file, progress)
