"""A bounded memory of transitions, as arrays: what deep policies learn from more than once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.arrays import packed, unpacked
from online_models.policy.encoder import LARGEST_NUMBER
from online_models.policy.protocol import LARGEST_REWARD

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]


@with_config(formats.STRICT)
class MemoryState(TypedDict):
    """How many transitions there were in all, and the arrays of the last of them, oldest first."""

    seen: formats.Count
    rows: formats.Count
    states: str
    next_states: str
    allowed: str
    next_allowed: str
    actions: str
    probabilities: str
    rewards: str
    ended: str


class Memory:
    """The last transitions, in a ring of arrays (Lin 1992: experience replay).

    States are kept before they are standardised, in single precision: the means may move on. A
    transition is known by its number, counted from 0 over all that ever came.

    Parameters
    ----------
    capacity
        How many are kept.
    outputs
        How many actions there may be.
    """

    def __init__(self, capacity: int, outputs: int) -> None:
        self.capacity = capacity
        self.seen = 0
        self.states: Rows = np.zeros((capacity, 0), np.float32)
        self.next_states: Rows = np.zeros((capacity, 0), np.float32)
        self.allowed: Mask = np.zeros((capacity, outputs), np.bool_)
        self.next_allowed: Mask = np.zeros((capacity, outputs), np.bool_)
        self.actions: NDArray[np.int32] = np.zeros(capacity, np.int32)
        self.probabilities: Array = np.ones(capacity)
        self.rewards: Array = np.zeros(capacity)
        self.ended: Mask = np.zeros(capacity, np.bool_)

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    def __contains__(self, number: int) -> bool:
        """Tell whether the transition of a number is still there."""
        return self.seen - len(self) <= number < self.seen

    def add(
        self,
        state: Rows,
        allowed: list[int],
        action: int,
        probability: float,
        reward: float,
        next_state: Rows | None,
        next_allowed: list[int],
    ) -> int:
        """Take in a transition, in the place of the oldest; return its number."""
        row = self.seen % self.capacity
        self._widen(len(state) if next_state is None else len(next_state))
        for rows, values in ((self.states, state), (self.next_states, next_state)):
            rows[row] = np.nan
            if values is not None:
                rows[row, : len(values)] = values
        for masks, places in ((self.allowed, allowed), (self.next_allowed, next_allowed)):
            masks[row] = False
            masks[row, places] = True
        self.actions[row] = action
        self.probabilities[row] = probability
        self.rewards[row] = reward
        self.ended[row] = next_state is None
        self.seen += 1
        return self.seen - 1

    def places(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the transitions of some numbers stand in the arrays."""
        return numbers % self.capacity

    def numbers(self) -> NDArray[np.int64]:
        """Return the numbers of all that are there, oldest first."""
        return np.arange(self.seen - len(self), self.seen)

    def state(self) -> dict[str, Any]:
        """Return the whole state."""
        at = self.places(self.numbers())
        return {
            "seen": self.seen,
            "rows": len(self),
            "states": packed(self.states[at], "<f4"),
            "next_states": packed(self.next_states[at], "<f4"),
            "allowed": packed(self.allowed[at], "u1"),
            "next_allowed": packed(self.next_allowed[at], "u1"),
            "actions": packed(self.actions[at], "<i4"),
            "probabilities": packed(self.probabilities[at]),
            "rewards": packed(self.rewards[at]),
            "ended": packed(self.ended[at], "u1"),
        }

    def set_state(self, state: MemoryState, width: int, actions: int) -> None:
        """Take over a state that was checked by its types.

        Parameters
        ----------
        state
            As ``state`` returned it.
        width
            How many inputs there are.
        actions
            How many actions are known.

        Raises
        ------
        ModelFormatError
            If its arrays do not fit what the rest says, or each other.
        """
        rows = state["rows"]
        if rows > min(self.capacity, state["seen"]) or (rows < state["seen"] and rows < 1):
            raise formats.ModelFormatError(
                f"memory is broken: {rows} of {state['seen']} transitions, where there is room "
                f"for {self.capacity}"
            )
        self.seen = state["seen"]
        kept = np.arange(self.seen - rows, self.seen)
        at, outputs = self.places(kept), self.allowed.shape[1]
        wide = {"most": float(np.float32(LARGEST_NUMBER)), "dtype": "<f4", "missing": True}
        flag: dict[str, Any] = {"least": 0.0, "most": 1.0, "dtype": "u1"}
        self._widen(width)
        self.states[at] = unpacked(state["states"], (rows, width), **wide)  # type: ignore[arg-type]
        self.next_states[at] = unpacked(state["next_states"], (rows, width), **wide)  # type: ignore[arg-type]
        self.allowed[at] = unpacked(state["allowed"], (rows, outputs), **flag)
        self.next_allowed[at] = unpacked(state["next_allowed"], (rows, outputs), **flag)
        self.ended[at] = unpacked(state["ended"], (rows,), **flag)
        self.actions[at] = unpacked(state["actions"], (rows,), 0.0, actions - 1.0, "<i4")
        self.probabilities[at] = unpacked(state["probabilities"], (rows,), 1e-300, 1.0)
        self.rewards[at] = unpacked(state["rewards"], (rows,), most=LARGEST_REWARD)
        if not self.allowed[at, self.actions[at]].all():
            raise formats.ModelFormatError("memory is broken: an action was not a candidate")

    def _widen(self, width: int) -> None:
        more = np.full((self.capacity, width - self.states.shape[1]), np.nan, np.float32)
        if more.size:
            self.states = np.hstack((self.states, more))
            self.next_states = np.hstack((self.next_states, more))
