"""An import as it goes: rows in, events out, bad rows set aside with their reasons."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from stream.importing.csv_files import CsvFile, CsvFileError
from stream.importing.rows import RowError, RowEvent, RowMapper, folded
from stream.lead.hashing import short_hash

ROW_COLUMN = "import_row"
REASON_COLUMN = "import_reason"
"""Columns that a file of bad rows has beside those of the file that they are from."""

_OWN_COLUMNS = frozenset({ROW_COLUMN, REASON_COLUMN})
MAX_SHOWN = 10
MAX_FIRST = 3

SETTLE_EVERY = 1_000
"""Events between two looks whether Kafka has all."""


class Sink(Protocol):
    """Where events go."""

    async def send(self, event: RowEvent) -> None:
        """Send an event."""

    async def settle(self) -> None:
        """Wait until all that was sent is acknowledged."""


class NoSink:
    """Nothing is sent: a dry run."""

    async def send(self, event: RowEvent) -> None:
        """Leave the event unsent."""

    async def settle(self) -> None:
        """Have nothing to wait for."""


@dataclass
class Imported:
    """What became of the rows of a file.

    Parameters
    ----------
    events
        Sent (or to be sent), by type.
    without_event
        Rows of which the map makes none.
    known_before
        Events left out because the ledger has them.
    faults
        Of the first bad rows: number and reason.
    first
        The first events.
    """

    rows: int = 0
    rejected: int = 0
    without_event: int = 0
    known_before: int = 0
    events: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    first: list[RowEvent] = field(default_factory=list)


class Ledger:
    """Ids of events that were imported, in a file: one a line.

    Parameters
    ----------
    path
        The file; None remembers nothing.
    is_read_only
        Nothing is added.
    """

    def __init__(self, path: Path | None, *, is_read_only: bool = False) -> None:
        self._path = None if is_read_only else path
        self._known: set[int] = set()
        self._new: list[str] = []
        if path is not None and path.exists():
            try:
                with path.open(encoding="ascii") as file:
                    self._known = {short_hash(line.strip()) for line in file if line.strip()}
            except (OSError, UnicodeDecodeError) as error:
                raise CsvFileError(
                    f"{path}: cannot be read as a ledger ({type(error).__name__}); give the file "
                    "that --ledger wrote, or another"
                ) from None

    def has(self, event_id: str) -> bool:
        """Tell whether an event was imported before."""
        return short_hash(event_id) in self._known

    def add(self, event_id: str) -> None:
        """Note an event that is on its way."""
        if self._path is not None:
            self._new.append(event_id)

    def write(self) -> None:
        """Write down what was noted, once Kafka has it."""
        if self._path is not None and self._new:
            with self._path.open("a", encoding="ascii") as file:
                file.writelines(f"{event_id}\n" for event_id in self._new)
            self._known.update(map(short_hash, self._new))
            self._new.clear()


class Rejects:
    """The file of bad rows, made when there is one: the same columns, and why.

    Parameters
    ----------
    path
        Where to; None writes nothing.
    """

    def __init__(self, path: Path | None, file: CsvFile) -> None:
        self.path = path
        self._source = file
        self._file: TextIO | None = None

    def add(self, number: int, cells: list[str], reason: str) -> None:
        """Write a row; raise CsvFileError where that cannot be done."""
        if self.path is None:
            return
        columns = self._source.columns
        kept = [i for i, name in enumerate(columns) if folded(name) not in _OWN_COLUMNS]
        try:
            if self._file is None:
                self._file = self.path.open("x", encoding="utf-8", newline="")
                head = [*(columns[i] for i in kept), ROW_COLUMN, REASON_COLUMN]
                csv.writer(self._file, delimiter=self._source.delimiter).writerow(head)
            # Cells beyond the header go behind the reason: nothing of a row is lost.
            inside = [cells[i] if i < len(cells) else "" for i in kept]
            row = [*inside, str(number), reason, *cells[len(columns) :]]
            csv.writer(self._file, delimiter=self._source.delimiter).writerow(row)
        except FileExistsError:
            raise CsvFileError(
                f"{self.path}: is there already; mend and import it, or give another --rejects"
            ) from None
        except OSError as error:
            raise CsvFileError(
                f"{self.path}: {error.strerror or error}; give --rejects a file that can be written"
            ) from None

    @property
    def is_written(self) -> bool:
        """Tell whether there is a bad row in it."""
        return self._file is not None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


async def import_rows(
    file: CsvFile,
    mapper: RowMapper,
    rejects: Rejects,
    ledger: Ledger,
    sink: Sink,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Send the events of a file's rows, row by row; set bad rows aside.

    Parameters
    ----------
    progress
        Is told how many bytes of the file have been read.

    Raises
    ------
    CsvFileError
        If the file cannot be read on, or bad rows cannot be written down.
    """
    found = Imported()
    try:
        for number, cells in file.rows(progress):
            found.rows += 1
            try:
                events = list(mapper.events_of(cells))
            except RowError as error:
                found.rejected += 1
                if len(found.faults) < MAX_SHOWN:
                    found.faults.append((number, str(error)))
                rejects.add(number, cells, str(error))
                continue
            found.without_event += not events
            for event in events:
                event_id = event.event["event_id"]
                if ledger.has(event_id):
                    found.known_before += 1
                    continue
                await sink.send(event)
                ledger.add(event_id)
                found.events[event.event["type"]] += 1
                if found.events.total() % SETTLE_EVERY == 0:
                    await _settle(sink, ledger)
                if len(found.first) < MAX_FIRST:
                    found.first.append(event)
    except CsvFileError as error:
        await _settle(sink, ledger)
        raise CsvFileError(
            f"{error}; {found.rows:,} rows before it are done, and may be imported again"
        ) from None
    finally:
        rejects.close()
    await _settle(sink, ledger)
    return found


async def _settle(sink: Sink, ledger: Ledger) -> None:
    await sink.settle()
    ledger.write()


def free_path(file: Path) -> Path:
    """Return where a file's bad rows go: beside it, never over what is there.

    >>> free_path(Path("/nowhere/deals.csv")).name
    'deals.rejects.csv'
    """
    numbers = ("", *(f"-{n}" for n in range(2, 10_000)))
    paths = (file.with_name(f"{file.stem}.rejects{number}.csv") for number in numbers)
    return next(path for path in paths if not path.exists())
