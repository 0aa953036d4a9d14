"""Q-learning with a table: what an action brings now and later, for each of a few states."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from random import Random
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.encoder import is_number
from online_models.policy.protocol import Choice, Transition, best, checked_epsilon, drawn
from online_models.protocols import Features

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream q_learning"
LARGEST_WHOLE = 1_000
"""A whole number beyond this is no category."""
LONGEST_KEY = 200
"""Of a state: a longer one is kept as its hash."""
RATE_POWER = 0.77
"""Of the number of visits: between the 1/2 and 1 for which learning converges, about where it
does soonest (Even-Dar and Mansour 2003, section 8)."""

Grid = Mapping[str, Sequence[float]]
KeyOf = Callable[[Features, Grid], str]
StoredEntry = Annotated[
    tuple[formats.Weight, formats.Count, formats.Weight, formats.Count], Field(strict=False)
]


@with_config(formats.STRICT)
class QLearningState(TypedDict):
    """The whole state; states of the world stand in the order in which they were last learned."""

    schema: int
    library: str
    learned: formats.Count
    forgotten_states: formats.Count
    ignored_actions: formats.Count
    table: dict[str, dict[str, StoredEntry]]


_STATE: TypeAdapter[Any] = TypeAdapter(QLearningState)


def cells(state: Features, grid: Grid) -> str:
    """Return the cell that a state is in: texts, small whole numbers, and numbers with a grid.

    Other numbers tell nothing: each would be a state of its own.

    >>> cells({"stage": "demo", "visits": 3.0, "age": 4.5, "score": 61.5}, {"score": (50, 80)})
    'score:1|stage=demo|visits=3'
    """
    told = []
    for name in sorted(state):
        value = state[name]
        if isinstance(value, str):
            told.append(f"{name}={value}")
        elif not is_number(value):
            continue
        elif name in grid:
            told.append(f"{name}:{bisect_right(grid[name], value)}")
        elif -LARGEST_WHOLE <= value <= LARGEST_WHOLE and value == int(value):
            told.append(f"{name}={int(value)}")
    return "|".join(told)


def gridded_cells(state: Features, grid: Grid) -> str:
    """Return the cell that a state is in by those features only that the grid names.

    >>> gridded_cells({"stage": "demo", "visits": 3.0}, {"stage": ()})
    'stage=demo'
    """
    return cells({name: state[name] for name in grid if name in state}, grid)


KEYS: Mapping[str, KeyOf] = MappingProxyType({"cells": cells, "gridded_cells": gridded_cells})
"""How a state is told from others, by name."""


class QLearning:
    r"""Q-learning (Watkins and Dayan 1992), optionally double (van Hasselt 2010, algorithm 1).

    The value of an action in a state moves by a share of the way towards
    :math:`r + \gamma \max_{a \in C'} Q(s', a)`, where :math:`C'` are the candidates then. The
    share falls with the visits, down to ``learning_rate``. What was never tried has value 0.
    Since the target asks for the best that could be done next, not for what was done, it does
    not matter which policy acted.

    Parameters
    ----------
    grid
        Of a numeric feature, the edges between its cells.
    key
        How a state is told from others, by its name in ``KEYS``.
    learning_rate
        The least share of the way: above 0, so that a world that changes is followed.
    discount
        What a reward is worth one decision later.
    double
        Whether two tables are kept, each learning from a share of the transitions drawn at
        random: one finds the best action, the other its value, which so is not overstated.
    epsilon
        The share of choices that is uniform.
    max_states
        How many states are remembered: for a further one, that which was learned of longest
        ago is forgotten.
    max_actions
        Actions of a state beyond this many are counted, but not learned.
    seed
        Of which table learns.

    Raises
    ------
    ValueError
        If a parameter makes no sense.

    Examples
    --------
    >>> policy = QLearning(learning_rate=0.5)
    >>> email = Transition({"stage": "new"}, ("email",), "email", 1.0, 0.0, {"stage": "warm"},
    ...     ("call",))
    >>> call = Transition({"stage": "warm"}, ("call",), "call", 1.0, 1.0)
    >>> for _ in range(50):
    ...     policy.learn(email)
    ...     policy.learn(call)
    >>> round(policy.value({"stage": "new"}, "email"), 2)
    0.99
    """

    def __init__(
        self,
        grid: Grid = MappingProxyType({}),
        key: str = "cells",
        learning_rate: float = 0.02,
        discount: float = 0.99,
        double: bool = False,
        epsilon: float = 0.05,
        max_states: int = 10_000,
        max_actions: int = 50,
        seed: int = 0,
    ) -> None:
        if not (0.0 < learning_rate <= 1.0 and 0.0 <= discount <= 1.0 and max_states > 0):
            raise ValueError(
                f"learning_rate is {learning_rate!r}, discount {discount!r}, max_states "
                f"{max_states!r}: they must be in (0, 1], in [0, 1], and above 0"
            )
        if key not in KEYS:
            raise ValueError(f"key is {key!r:.60}: there are {', '.join(KEYS)}")
        self.grid = {name: tuple(sorted(edges)) for name, edges in grid.items()}
        self.key = key
        self.learning_rate = learning_rate
        self.discount = discount
        self.double = double
        self.epsilon = checked_epsilon(epsilon)
        self.max_states = max_states
        self.max_actions = max_actions
        self.seed = seed
        self.learned = 0
        self.forgotten_states = 0
        self.ignored_actions = 0
        # By state and action: the first table's value and visits, then the second's.
        self._table: dict[str, dict[str, tuple[float, int, float, int]]] = {}

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose one of the candidates, as ``Acting.act`` says."""
        entries = self._entries(state)
        values = [self._value(entries, candidate) for candidate in candidates]
        return drawn(candidates, best(values), self.epsilon, rng)

    def value(self, state: Features, action: str) -> float:
        """Return what an action brings in a state, now and later."""
        return self._value(self._entries(state), action)

    def learn(self, transition: Transition) -> None:
        """Learn what an action brought."""
        key = self._key(transition.state)
        entries = self._table.pop(key, {})
        self._table[key] = entries  # it now is the one that was learned of last
        if len(self._table) > self.max_states:
            del self._table[next(iter(self._table))]
            self.forgotten_states += 1
        action = transition.action
        if action not in entries and len(entries) >= self.max_actions:
            self.ignored_actions += 1
            return
        self.learned += 1
        second = self.double and Random(self.seed * 2**40 + self.learned).random() < 0.5  # noqa: S311
        target = transition.reward + self.discount * self._later(transition, second)
        one, one_visits, other, other_visits = entries.get(action, (0.0, 0, 0.0, 0))
        if second:
            other_visits += 1
            other += self._share(other_visits) * (target - other)
        else:
            one_visits += 1
            one += self._share(one_visits) * (target - one)
        entries[action] = one, one_visits, other, other_visits

    def snapshot(self) -> dict[str, Any]:
        """Return what acting needs, which is the whole state: the table."""
        return self.checkpoint()

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any], **parameters: Any) -> Self:
        """Return what acts as the policy did that the snapshot is of; raises as ``restore``."""
        return cls.restore(snapshot, **parameters)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "learned": self.learned,
            "forgotten_states": self.forgotten_states,
            "ignored_actions": self.ignored_actions,
            "table": {
                key: {action: list(entry) for action, entry in entries.items()}
                for key, entries in self._table.items()
            },
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a policy from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken.
        """
        if isinstance(state, Mapping):
            formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: QLearningState = formats.validated(_STATE, state, "checkpoint")
        policy = cls(**parameters)
        table = checked["table"]
        most = max(map(len, table.values()), default=0)
        if len(table) > policy.max_states or most > policy.max_actions:
            raise formats.ModelFormatError(
                f"checkpoint has {len(table)} states and up to {most} actions: at most "
                f"{policy.max_states} and {policy.max_actions} are taken"
            )
        policy.learned = checked["learned"]
        policy.forgotten_states = checked["forgotten_states"]
        policy.ignored_actions = checked["ignored_actions"]
        policy._table = {key: dict(entries) for key, entries in table.items()}
        return policy

    def _key(self, state: Features) -> str:
        key = KEYS[self.key](state, self.grid)
        if len(key) <= LONGEST_KEY:
            return key
        return blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def _entries(self, state: Features) -> Mapping[str, tuple[float, int, float, int]]:
        return self._table.get(self._key(state), {})

    def _value(self, entries: Mapping[str, tuple[float, int, float, int]], action: str) -> float:
        one, _, other, _ = entries.get(action, (0.0, 0, 0.0, 0))
        return 0.5 * (one + other) if self.double else one

    def _later(self, transition: Transition, second: bool) -> float:
        """Return what the next decision is worth; 0 where there was none to be taken."""
        if transition.next_state is None or not transition.next_candidates:
            return 0.0
        entries = self._entries(transition.next_state)
        found = [entries.get(name, (0.0, 0, 0.0, 0)) for name in transition.next_candidates]
        if not self.double:
            return max(entry[0] for entry in found)
        if second:
            return max(found, key=lambda entry: entry[2])[0]
        return max(found, key=lambda entry: entry[0])[2]

    def _share(self, visits: int) -> float:
        return max(self.learning_rate, math.pow(visits, -RATE_POWER))
