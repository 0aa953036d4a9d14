"""Which transition follows which: episodes, put together from transitions of many leads."""

from collections import deque
from hashlib import blake2b
from typing import Any

import numpy as np
from pydantic import with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.arrays import packed, unpacked
from online_models.policy.memory import Memory
from online_models.protocols import Features

NOBODY = -1
LARGEST_NUMBER = 10**12
LARGEST_KEY = 2**53
"""Whole numbers up to here are told apart as float64, too."""


@with_config(formats.STRICT)
class EpisodesState(TypedDict):
    """Of each transition in memory: the number of the one before it, and what it waits for."""

    previous: str
    awaited: str


class Episodes:
    """Finds, for each transition of a memory, the one that it goes on from.

    Transitions name no lead. One goes on from the oldest whose ``next_state`` is, feature by
    feature, its own ``state``. Should two leads have been in the same state, what follows may
    be taken for the other's: where states tell what matters of the past (Markov), that changes
    no expectation.

    Parameters
    ----------
    memory
        Whose transitions; what it forgets is forgotten here.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._previous = np.full(memory.capacity, NOBODY, np.int64)
        self._awaited = np.full(memory.capacity, NOBODY, np.int64)
        self._waiting: dict[int, deque[int]] = {}

    def add(self, number: int, state: Features, next_state: Features | None) -> None:
        """Take in the transition that the memory just did."""
        row = number % self._memory.capacity
        self._forget(row)
        waiting = self._waiting.get(key := _key(state))
        self._previous[row] = NOBODY
        if waiting:
            self._previous[row] = waiting.popleft()
            self._awaited[self._previous[row] % self._memory.capacity] = NOBODY
            if not waiting:
                del self._waiting[key]
        if next_state is not None:
            self._awaited[row] = awaited = _key(next_state)
            self._waiting.setdefault(awaited, deque()).append(number)

    def previous(self, number: int) -> int | None:
        """Return the number of the transition before one, None if it is not known (any more)."""
        found = int(self._previous[number % self._memory.capacity])
        return found if found in self._memory else None

    def ending_with(self, number: int) -> list[int]:
        """Return the numbers of an episode, from its end back as far as it is remembered."""
        found: list[int] = []
        at: int | None = number if number in self._memory else None
        while at is not None:
            found.append(at)
            at = self.previous(at)
        return found

    def state(self) -> dict[str, Any]:
        """Return the whole state."""
        at = self._memory.places(self._memory.numbers())
        return {
            "previous": packed(self._previous[at], "<i8"),
            "awaited": packed(self._awaited[at], "<i8"),
        }

    def set_state(self, state: EpisodesState) -> None:
        """Take over a state that was checked by its types; the memory must have its own.

        Raises
        ------
        ModelFormatError
            If a transition goes on from a later one, or it does not fit the memory.
        """
        numbers = self._memory.numbers()
        at, shape = self._memory.places(numbers), numbers.shape
        previous, awaited = (
            unpacked(text, shape, NOBODY, most, "<i8").astype(np.int64)
            for text, most in (
                (state["previous"], LARGEST_NUMBER),
                (state["awaited"], LARGEST_KEY),
            )
        )
        followed = previous[previous >= self._memory.seen - len(self._memory)]
        if (
            (previous >= numbers).any()
            or np.unique(followed).size != followed.size
            or (awaited[self._memory.ended[at]] != NOBODY).any()
        ):
            raise formats.ModelFormatError("episodes are broken: an order that cannot have been")
        self._previous[at], self._awaited[at] = previous, awaited
        for number, key in zip(numbers.tolist(), awaited.tolist(), strict=True):
            if key != NOBODY:
                self._waiting.setdefault(key, deque()).append(number)

    def _forget(self, row: int) -> None:
        """Let go what stood in a row before: it is the oldest, so the first of those waiting."""
        key = int(self._awaited[row])
        if key != NOBODY:
            waiting = self._waiting[key]
            waiting.popleft()
            if not waiting:
                del self._waiting[key]
            self._awaited[row] = NOBODY


def _key(state: Features) -> int:
    """Return a number that stands for a state: equal features, in any order, have the same."""
    told = [(name, v if isinstance(v, str) else _number(v)) for name, v in state.items()]
    told.sort(key=lambda pair: pair[0])
    return int.from_bytes(blake2b(repr(told).encode(), digest_size=6).digest())


def _number(value: object) -> object:
    """Return a number as JSON may have it changed: 1 is 1.0."""
    return float(value) if isinstance(value, int) and abs(value) < LARGEST_KEY else value
