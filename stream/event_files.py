"""Files of events: one JSON object of the contract a line, gzipped or not."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from schemas import topics

TOPIC_OF_TYPE = {kind: topic.name for topic in topics.INPUTS for kind in topic.types()}
UNKNOWN_TYPE_TOPIC = topics.LEAD_ACTIVITIES.name
"""Lines of no known type go here, to become dead letters like any sender's."""


class EventFileError(ValueError):
    """A file of events cannot be read; the message says which, and what to do."""


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, without their ends.

    Raises
    ------
    EventFileError
        If the file is not there, or is not what its name says.
    """
    try:
        with _open(path) as file:
            for line in file:
                stripped = line.strip()
                if stripped:
                    yield stripped
    except FileNotFoundError:
        raise EventFileError(f"{path}: no such file; give JSON lines (.jsonl, .jsonl.gz)") from None
    except (IsADirectoryError, PermissionError) as error:
        raise EventFileError(f"{path}: {error.strerror}; give a file that can be read") from None
    except (gzip.BadGzipFile, EOFError) as error:
        raise EventFileError(f"{path}: broken gzip ({error}); fetch the file again") from None


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


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.suffix == ".gz":
        return gzip.GzipFile(path, "rb")
    return path.open("rb")
