"""A folder that grows by whole files, each once, whenever a run dies: what was written how far."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from stream.expected import ExpectedError

PROGRESS = "_progress"
"""Beside the tables; readers of Parquet pass over names that begin so."""


class WarehouseError(ExpectedError, RuntimeError):
    """Nothing can be exported; the message says why, and what to do."""


class Progress(BaseModel):
    """How far a topic has been exported.

    ``topic`` is its name in Kafka. ``next_offsets`` are by partition. ``files`` are those of the
    newest step, which may still have to be moved to their place.
    """

    progress_schema: Literal[1] = 1
    topic: str
    next_offsets: dict[int, NonNegativeInt] = Field(default_factory=dict)
    files: list[str] = Field(default_factory=list)


class WarehouseFolder:
    """The files of an export and its progress; one run at a time writes.

    New files are written aside. A step is taken when the progress is replaced, which names them and
    the offsets that come next; only then are they moved to their place. A run that died before that
    has left nothing, and what one left undone after it, the next run does. Files in their place are
    never touched again, except by the same records.

    Raises
    ------
    WarehouseError
        On entering, if another run is writing, or the progress cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._progress = path / PROGRESS
        self._aside = self._progress / "aside"
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        with self.writing():
            self._aside.mkdir(parents=True, exist_ok=True)
            self._lock = (self._progress / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self.writing():
                self._heal()
        except BlockingIOError:
            self._lock.close()
            raise WarehouseError(
                f"another export writes into {self._path}; wait until it has ended"
            ) from None
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Tell what the system says against writing here as a ``WarehouseError``."""
        try:
            yield
        except OSError as error:
            raise WarehouseError(
                f"cannot write into {self._path}: {error}; mend that, and run the export again"
            ) from error

    def progress(self, name: str, topic: str) -> Progress:
        """Return how far a topic was exported.

        Parameters
        ----------
        name
            What its progress is kept under.
        topic
            Its name in Kafka.

        Raises
        ------
        WarehouseError
            If the folder holds the records of another topic.
        """
        path = self._progress / f"{name}.json"
        if not path.exists():
            return Progress(topic=topic)
        found = _read(path)
        if found.topic != topic:
            raise WarehouseError(
                f"{self._path} holds the records of {found.topic}, not of {topic}; give each "
                "LEADSTREAM_TOPIC_PREFIX a folder of its own"
            )
        return found

    def aside(self, file: str) -> Path:
        """Return where to write a new file, named by its place in the folder."""
        return self._aside / file.replace("/", "__")

    def step(self, name: str, progress: Progress) -> None:
        """Take ``progress.files``, written aside, into the folder together with the progress."""
        for file in progress.files:
            _sync(self.aside(file))
        _sync(self._aside)
        self._replace(self._progress / f"{name}.json", progress.model_dump_json().encode())
        self._move(progress.files)

    def replace(self, file: str, content: bytes) -> None:
        """Write a file that takes the place of the one before, in one piece."""
        with self.writing():
            path = self._path / file
            self._make_room(path.parent)
            self._replace(path, content)

    def _heal(self) -> None:
        for path in sorted(self._progress.glob("*.json")):
            self._move(_read(path).files)
        for leftover in self._aside.iterdir():
            leftover.unlink()

    def _move(self, files: Sequence[str]) -> None:
        waiting = [file for file in files if self.aside(file).exists()]
        for folder in sorted({(self._path / file).parent for file in waiting}):
            self._make_room(folder)
        for file in waiting:
            self.aside(file).replace(self._path / file)
        for folder in sorted({(self._path / file).parent for file in files}):
            if folder.exists():  # it is not where somebody has deleted a day since
                _sync(folder)

    def _make_room(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for above in folder.parents:
            _sync(above)
            if above == self._path:
                return

    def _replace(self, path: Path, content: bytes) -> None:
        aside = self._aside / "next"
        aside.write_bytes(content)
        _sync(aside)
        aside.replace(path)
        _sync(path.parent)


def _read(path: Path) -> Progress:
    try:
        return Progress.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]["msg"]
        raise WarehouseError(
            f"{path} is broken ({fault}); bring it back from a backup, or export into a new folder"
        ) from None


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, will outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
