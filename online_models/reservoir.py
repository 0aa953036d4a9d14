"""A bounded sample of a stream."""

from random import Random
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Reservoir(Generic[Row]):
    """A uniform sample of all that came, of bounded size (Vitter 1985, algorithm R).

    Examples
    --------
    >>> reservoir = Reservoir(3)
    >>> for n in range(100):
    ...     reservoir.add(n)
    >>> len(reservoir.rows)
    3
    """

    def __init__(self, most: int = 2_000, seed: int = 0) -> None:
        self.rows: list[Row] = []
        self._most = most
        self._came = 0
        self._random = Random(seed)  # noqa: S311 - a sample, no secret

    def add(self, row: Row) -> None:
        """Take in a row, in the place of another if there is no more room."""
        self._came += 1
        if len(self.rows) < self._most:
            self.rows.append(row)
        elif (slot := self._random.randrange(self._came)) < self._most:
            self.rows[slot] = row
