"""Customers counted in cells of those alike: as much of them as a likelihood needs, bounded.

A cell holds how many customers it has and the sums of their numbers. All are integers, so taking
a customer out undoes putting it in, exactly, and the order does not matter. As long as there is
room, customers share a cell only if all their numbers are equal: then nothing is lost. When there
is not, numbers are told apart less finely: by as many leading binary digits as leave room, and
days by how long ago they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.purchase_history import LARGEST_DAY, LARGEST_SPEND_MINOR

Numbers = tuple[int, ...]

FINEST = 1_024
"""Numbers below twice this are told apart exactly at first, larger ones to a thousandth."""
FEWEST_CELLS = 4_000
"""So many hold any customers at all, at the coarsest."""
ROOM = 0.75
"""The share of the cells that is filled at most once they were made coarser."""

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
StoredCell = Annotated[list[Whole], Field(min_length=3, max_length=4)]


@with_config(formats.STRICT)
class CellsState(TypedDict):
    """All cells: of each the number of customers, then the sums of their numbers."""

    finest: Annotated[int, Field(ge=1, le=FINEST)]
    today: Annotated[int, Field(ge=-LARGEST_DAY, le=LARGEST_DAY)]
    cells: list[StoredCell]


_STATE: TypeAdapter[Any] = TypeAdapter(CellsState)


def leading(number: int, finest: int) -> int:
    """Return a number without its lesser binary digits; those below twice ``finest`` stay.

    It is off by less than one part in ``finest``, a power of 2.

    >>> [leading(n, 4) for n in (0, 7, 8, 9, 15, 16, 1000)]
    [0, 7, 8, 8, 14, 16, 896]
    """
    lost = max(0, number.bit_length() - finest.bit_length())
    return number >> lost << lost


def dated(day: int, today: int, finest: int) -> int:
    """Return the first of the days that are not told apart from a day: the more, the longer ago.

    Of 1, 2, 4, ... days that begin at a multiple of their number, the most that ended at least
    ``finest`` times as long ago. Days that once share a cell do so for ever, as today moves on.

    >>> [dated(day, 100, 4) for day in (100, 95, 90, 89, 50, 1)]
    [100, 95, 90, 88, 48, 0]
    """
    length = 1
    while today - (day // (2 * length) + 1) * 2 * length >= finest * 2 * length:
        length *= 2
    return day // length * length


class BoundedCells(ABC):
    """A bounded number of cells of customers alike.

    Parameters
    ----------
    max_cells
        Cells at most, 4,000 or more.

    Raises
    ------
    ValueError
        If there are too few cells to hold all that may come.
    """

    width: int

    def __init__(self, max_cells: int) -> None:
        if max_cells < FEWEST_CELLS:
            raise ValueError(f"max_cells is {max_cells!r}: it must be {FEWEST_CELLS} or more")
        self.max_cells = max_cells
        self.finest = FINEST
        self._today = 0
        self._cells: dict[Numbers, list[int]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, numbers: Numbers, today: int) -> None:
        """Count a customer; ``today`` is what ages are told from if room must be made."""
        self._put(self.key(numbers, self._today), 1, numbers)
        if len(self._cells) > self.max_cells:
            self._make_room(max(today, self._today))

    def remove(self, numbers: Numbers) -> None:
        """Uncount a customer.

        Raises
        ------
        ValueError
            If no such customer is counted; nothing is changed.
        """
        key = self.key(numbers, self._today)
        count, *sums = self._cells.get(key, [0] * (1 + self.width))
        rest = [total - number for total, number in zip(sums, numbers, strict=True)]
        if not (self.possible(count - 1, rest) if count > 1 else count == 1 and not any(rest)):
            raise ValueError(
                f"customer with {numbers!r:.100} was not learned: pass its history as learn_one "
                "returned it last"
            )
        if count == 1:
            del self._cells[key]
        else:
            self._cells[key] = [count - 1, *rest]

    def rows(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return customers by cell, shape (cells,), and their mean numbers, (width, cells)."""
        flat = np.fromiter(chain.from_iterable(self._cells.values()), float)
        cells = flat.reshape(-1, 1 + self.width)
        return cells[:, 0], cells[:, 1:].T / cells[:, 0]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        cells = [list(cell) for cell in self._cells.values()]
        return {"finest": self.finest, "today": self._today, "cells": cells}

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ModelFormatError
            If it is broken, or has more cells than may be.
        """
        state: CellsState = formats.validated(_STATE, stored, "checkpoint")
        self.finest, self._today = state["finest"], state["today"]
        if self.finest.bit_count() != 1 or len(state["cells"]) > self.max_cells:
            raise formats.ModelFormatError(
                f"checkpoint is broken: {len(state['cells'])} cells at a fineness of {self.finest}:"
                f" it must be a power of 2, and the cells {self.max_cells} at most"
            )
        for cell in state["cells"]:
            count, *sums = cell
            if count < 1 or len(sums) != self.width or not self.possible(count, sums):
                raise formats.ModelFormatError(f"checkpoint is broken: cell {cell!r:.100}")
            key = self.key(tuple(total // count for total in sums), self._today)
            if key in self._cells:
                raise formats.ModelFormatError(f"checkpoint is broken: cell {cell!r:.100} twice")
            self._cells[key] = [count, *sums]

    @abstractmethod
    def key(self, numbers: Numbers, today: int) -> Numbers:
        """Return the least numbers of the cell that a customer belongs to."""

    @abstractmethod
    def possible(self, count: int, sums: list[int]) -> bool:
        """Tell whether a cell can hold these sums."""

    def _put(self, key: Numbers, count: int, sums: Numbers | list[int]) -> None:
        cell = self._cells.setdefault(key, [0] * (1 + self.width))
        cell[0] += count
        cell[1:] = [total + number for total, number in zip(cell[1:], sums, strict=True)]

    def _make_room(self, today: int) -> None:
        """Count as of today, then less and less finely, until there is room."""
        self._today = today
        while True:
            former = self._cells
            self._cells = {}
            for key, (count, *sums) in former.items():
                self._put(self.key(key, today), count, sums)
            if len(self._cells) <= ROOM * self.max_cells or self.finest == 1:
                return
            self.finest //= 2


class TimingCells(BoundedCells):
    """Customers by (repeats, recency_days, first_day): what BG/NBD needs.

    The first day stands for the age, which grows from day to day for all customers alike: so the
    silent ones age without being touched.
    """

    width = 3

    def key(self, numbers: Numbers, today: int) -> Numbers:
        """Return the least numbers of the cell that a customer belongs to."""
        repeats, recency_days, first_day = numbers
        return (
            leading(repeats, self.finest),
            leading(recency_days, self.finest),
            dated(first_day, today, self.finest),
        )

    def possible(self, count: int, sums: list[int]) -> bool:
        """Tell whether a cell can hold these sums."""
        repeats, recency_days, first = sums
        fits = (repeats == 0 == recency_days) or count <= repeats <= recency_days
        return fits and max(recency_days // 2, abs(first)) <= LARGEST_DAY * count


class SpendCells(BoundedCells):
    """Customers by (purchases, spend_minor): what gamma-gamma needs."""

    width = 2

    def key(self, numbers: Numbers, today: int) -> Numbers:  # noqa: ARG002
        """Return the least numbers of the cell that a customer belongs to."""
        return tuple(leading(number, self.finest) for number in numbers)

    def possible(self, count: int, sums: list[int]) -> bool:
        """Tell whether a cell can hold these sums."""
        return all(count <= total <= LARGEST_SPEND_MINOR * count for total in sums)
