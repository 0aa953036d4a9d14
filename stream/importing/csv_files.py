"""CSV files, a row at a time: with or without a byte order mark, any of four delimiters."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stream.event_files import OTHER_ENCODINGS
from stream.expected import ExpectedError
from stream.importing.maps import DELIMITERS
from stream.importing.rows import folded

MAX_LINE_BYTES = 4 << 20
"""Of a longer line nothing is taken, so that no file fills the memory."""


class CsvFileError(ExpectedError, ValueError):
    """A CSV file cannot be read; the message says where, and what to do."""


class CsvFile:
    """A CSV file: its header, and its rows one after the other.

    Parameters
    ----------
    known_columns
        Columns that are looked for, by which the delimiter is found.
    delimiter
        Between cells; None finds it.

    Raises
    ------
    CsvFileError
        If the file is not there, is empty or no UTF-8.
    """

    def __init__(self, path: Path, known_columns: Iterable[str], delimiter: str | None) -> None:
        self.path = path
        known = {folded(name) for name in known_columns}
        self.delimiter = delimiter or max(DELIMITERS, key=lambda d: self._found(d, known))
        _, self.columns = next(self._records(self.delimiter), (0, []))
        if not self.columns:
            raise CsvFileError(f"{path}: is empty; give a CSV file whose first line names columns")

    def rows(
        self, progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not empty with its number: the header is row 1.

        Parameters
        ----------
        progress
            Is told how many bytes have been read so far.

        Raises
        ------
        CsvFileError
            If a row is no CSV or no UTF-8.
        """
        records = self._records(self.delimiter, progress)
        next(records, None)
        for number, cells in records:
            if any(cell.strip() for cell in cells):
                yield number, cells

    def _found(self, delimiter: str, known: set[str]) -> int:
        header = next(self._records(delimiter), (1, []))[1]
        return sum(folded(name) in known for name in header)

    def _records(
        self, delimiter: str, progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[tuple[int, list[str]]]:
        number = 0
        try:
            with self.path.open("rb") as file:
                self._refuse_other_encodings(file.read(4))
                file.seek(0)

                def lines() -> Iterator[str]:
                    # Of bytes, since a text file has no position while it is iterated over.
                    while line := file.readline(MAX_LINE_BYTES):
                        _refuse_long(line)
                        yield line.decode("utf-8-sig" if file.tell() == len(line) else "utf-8")

                for cells in csv.reader(lines(), delimiter=delimiter, strict=True):
                    number += 1
                    progress(file.tell())
                    yield number, cells
        except FileNotFoundError:
            raise CsvFileError(f"{self.path}: no such file; give a CSV file") from None
        except OSError as error:
            raise CsvFileError(
                f"{self.path}: {error.strerror or error}; give a file that can be read"
            ) from None
        except UnicodeDecodeError:
            raise CsvFileError(
                f"{self.path}, row {number + 1}: not UTF-8; export it as UTF-8, or convert it: "
                f"iconv -f WINDOWS-1252 -t UTF-8 {self.path.name}"
            ) from None
        except csv.Error as error:
            raise CsvFileError(
                f"{self.path}, row {number + 1}: no CSV ({error}); close its quotes, and double "
                "quotes within quotes"
            ) from None

    def _refuse_other_encodings(self, start: bytes) -> None:
        for mark, encoding in OTHER_ENCODINGS:
            if start.startswith(mark):
                raise CsvFileError(
                    f"{self.path}: is {encoding}; export it as UTF-8, or convert it: "
                    f"iconv -f {encoding} -t UTF-8 {self.path.name}"
                )


def _refuse_long(line: bytes) -> None:
    if len(line) == MAX_LINE_BYTES:
        raise csv.Error(f"a line of {MAX_LINE_BYTES} bytes or more")
