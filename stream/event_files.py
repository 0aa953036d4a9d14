"""Files of events: one JSON object of the contract a line, gzipped or not."""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import orjson

from schemas import topics
from stream.expected import ExpectedError
from stream.lead.routing import MAX_VALUE_BYTES

TOPIC_OF_TYPE = {kind: topic.name for topic in topics.INPUTS for kind in topic.types()}
UNKNOWN_TYPE_TOPIC = topics.LEAD_ACTIVITIES.name
"""Lines of no known type go here, to become dead letters like any sender's."""

MAX_LINE_BYTES = MAX_VALUE_BYTES + len(b"\r\n")
"""A longer line is cut to this, which is still too large to be an event, and is refused as that."""

OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class EventFileError(ExpectedError, ValueError):
    """A file of events cannot be read; the message says which, and what to do."""


def read_lines(path: Path, progress: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, without their ends.

    No more than a line is held in memory, and of a line no more than ``MAX_LINE_BYTES``,
    however far a file unpacks. A byte order mark of UTF-8 is left out.

    Parameters
    ----------
    progress
        Is told how many bytes of the file, packed as it is, have been read.

    Raises
    ------
    EventFileError
        If the file is not there, or is not what its name says.
    """
    number = 0
    try:
        with path.open("rb") as raw, _unpacked(path, raw) as file:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                progress(raw.tell())
                if number == 1:
                    line = _without_mark(line, path)
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield line
                elif stripped := line.strip():
                    yield stripped
    except FileNotFoundError:
        raise EventFileError(f"{path}: no such file; give JSON lines (.jsonl, .jsonl.gz)") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise EventFileError(
            f"{path}: broken gzip after {number} lines ({error}); fetch the file again"
            + (", or take .gz off its name if it is not packed" if not number else "")
        ) from None
    except OSError as error:
        raise EventFileError(
            f"{path}: {error.strerror or error} after {number} lines; give a file that can be read"
        ) from None


def topic_of(line: bytes) -> str:
    """Return the input topic that a line belongs to, by its type."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return UNKNOWN_TYPE_TOPIC
    kind = event.get("type") if isinstance(event, dict) else None
    return (
        TOPIC_OF_TYPE.get(kind, UNKNOWN_TYPE_TOPIC)
        if isinstance(kind, str)
        else (UNKNOWN_TYPE_TOPIC)
    )


def _unpacked(path: Path, raw: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw, mode="rb") if path.suffix == ".gz" else raw


def _without_mark(line: bytes, path: Path) -> bytes:
    for mark, encoding in OTHER_ENCODINGS:
        if line.startswith(mark):
            raise EventFileError(
                f"{path}: is {encoding}, events are UTF-8; convert it: "
                f"iconv -f {encoding} -t UTF-8 {path.name}"
            )
    return line.removeprefix(codecs.BOM_UTF8)


def _skip_line(file: IO[bytes] | gzip.GzipFile) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass
