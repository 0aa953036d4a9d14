"""Ids of segments that outlive fits, who inherits those that are gone, and what each has seen."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from online_models import formats
from online_models.segment_formats import SegmentsState
from online_models.segment_mixture import Array

MOST_HEIRS = 1_000
"""Ids that are gone and whose heirs are known; the longest gone are forgotten first."""


@dataclass(slots=True)
class Tally:
    """How many leads are in a segment now, and what became of leads that were in it."""

    leads: int = 0
    converted: int = 0
    not_converted: int = 0


class SegmentRegister:
    """Ids of the present segments, in the order of the classes that they stand for.

    Examples
    --------
    >>> register = SegmentRegister()
    >>> apart = np.log([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    >>> register.succeed(None, apart)
    >>> register.ids
    ['s1', 's2']
    >>> register.succeed(apart, np.zeros((4, 1)))  # merged: most of it was s1
    >>> register.ids, register.present("s2")
    (['s1'], 's1')
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.heirs: dict[str, str] = {}
        self.tallies: dict[str, Tally] = {}
        self._issued = 0

    def succeed(self, former: Array | None, found: Array) -> None:
        """Give ids to classes that were found, and heirs to ids that are gone.

        Parameters
        ----------
        former
            Log densities of leads and the present classes, shape ``(leads, classes)``; None where
            there are none.
        found
            The same of the classes found; each lead is taken to be of its likeliest.
        """
        new = found.argmax(axis=1)
        old = np.zeros(len(new), dtype=int) if former is None else former.argmax(axis=1)
        shared = np.zeros((max(1, len(self.ids)), found.shape[1]))
        np.add.at(shared, (old, new), 1.0)
        of_old, of_new = shared.sum(axis=1), shared.sum(axis=0)
        ids = []
        for place in range(found.shape[1]):
            # More than half of both: so no two can claim the same id.
            keeps = 2.0 * shared[:, place] > np.maximum(of_old, of_new[place])
            if former is not None and keeps.any():
                ids.append(self.ids[int(keeps.argmax())])
            else:
                self._issued += 1
                ids.append(f"s{self._issued}")
        tallies = {segment: self.tallies.get(segment, Tally()) for segment in ids}
        for place, segment in enumerate(self.ids):
            if segment not in tallies:
                self._inherit(segment, ids[int(shared[place].argmax())], tallies)
        for segment in list(self.heirs)[: max(0, len(self.heirs) - MOST_HEIRS)]:
            del self.heirs[segment]
        self.ids, self.tallies = ids, tallies

    def present(self, segment: str) -> str | None:
        """Return what an id stands for now; None for one that nobody knows, any more or at all."""
        present = self.heirs.get(segment, segment)
        return present if present in self.tallies else None

    def move(self, before: str | None, after: str | None) -> None:
        """Count a lead in another segment; None for one that was in none, or is to be in none."""
        if before == after:
            return
        if before is not None:
            tally = self.tallies[before]
            tally.leads = max(0, tally.leads - 1)
        if after is not None:
            self.tallies[after].leads += 1

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "issued": self._issued,
            "segment_ids": list(self.ids),
            "heirs": dict(self.heirs),
            "tallies": {segment: asdict(tally) for segment, tally in self.tallies.items()},
        }

    @classmethod
    def restore(cls, state: SegmentsState) -> Self:
        """Rebuild a register from the fields of a checkpoint, whose types were checked.

        Raises
        ------
        ModelFormatError
            If they contradict one another.
        """
        register = cls()
        register.ids = list(state["segment_ids"])
        register.heirs = dict(state["heirs"])
        register.tallies = {segment: Tally(**tally) for segment, tally in state["tallies"].items()}
        register._issued = state["issued"]
        present = set(register.ids)
        known = [*present, *register.heirs]
        is_whole = len(present) == len(register.ids)
        is_whole &= list(register.tallies) == register.ids and len(register.heirs) <= MOST_HEIRS
        is_whole &= present.isdisjoint(register.heirs) and present.issuperset(
            register.heirs.values()
        )
        if not is_whole or max(map(number_of, known), default=0) > register._issued:
            raise formats.ModelFormatError(
                "checkpoint is broken: segment_ids, heirs, tallies and issued contradict one "
                "another; the former one stays in use"
            )
        return register

    def _inherit(self, segment: str, heir: str, tallies: dict[str, Tally]) -> None:
        self.heirs = {gone: heir if h == segment else h for gone, h in self.heirs.items()}
        self.heirs[segment] = heir
        left, taken = self.tallies[segment], tallies[heir]
        taken.leads += left.leads
        taken.converted += left.converted
        taken.not_converted += left.not_converted


def number_of(segment: str) -> int:
    """Return the number in an id; 0 for what is none.

    >>> number_of("s12"), number_of("12"), number_of("s-1")
    (12, 0, 0)
    """
    digits = segment[1:]
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < 13
    return int(digits) if segment[:1] == "s" and is_number else 0
