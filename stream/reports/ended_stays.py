"""Stays in a stage that have ended a journey already: so that none is counted twice."""

from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter

from online_models import formats
from schemas.milestones import StageLeft
from stream.reports.report import EPOCH

MOST_KEPT = 4_096
_TICK = timedelta(milliseconds=10)
_BYTES = 6

_Mark = Annotated[int, Field(strict=True, ge=0, lt=256**_BYTES)]
_STATE: TypeAdapter[Any] = TypeAdapter(Annotated[list[_Mark], Field(max_length=MOST_KEPT)])


class EndedStays:
    """The newest 4,096 stays whose journey has ended.

    Milestones do not say whose they are, but a stay is known by its stage and when it began. A
    hash of these is kept, until the stay is left once more or newer ones need the room.
    """

    def __init__(self) -> None:
        self._marks: dict[int, None] = {}  # in order of their ends: the oldest goes first

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, left: StageLeft) -> None:
        """Note a stay that ended a journey."""
        mark = _mark(left.stage, _began(left))
        self._marks.pop(mark, None)
        self._marks[mark] = None
        if len(self._marks) > MOST_KEPT:
            del self._marks[next(iter(self._marks))]

    def take(self, left: StageLeft) -> bool:
        """Tell whether a stay has ended its journey before; it is forgotten then."""
        began = _began(left)
        for tick in (began, began - 1, began + 1):  # times may be rounded apart
            mark = _mark(left.stage, tick)
            if mark in self._marks:
                del self._marks[mark]
                return True
        return False

    def checkpoint(self) -> list[int]:
        """Return the whole state, in the order that stays are forgotten in."""
        return list(self._marks)

    @classmethod
    def restore(cls, checkpoint: Any) -> Self:
        """Rebuild it; raises ModelFormatError if it is broken."""
        stays = cls()
        stays._marks = dict.fromkeys(formats.validated(_STATE, checkpoint, "ended stays"))
        return stays


def _began(left: StageLeft) -> int:
    """Return when a stay began, in hundredths of a second."""
    return (left.occurred_at - EPOCH - timedelta(seconds=left.stayed_s)) // _TICK


def _mark(stage: str, began: int) -> int:
    told = f"{began}/{stage}".encode()
    return int.from_bytes(blake2b(told, digest_size=_BYTES).digest())
