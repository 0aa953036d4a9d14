"""How leads enter the regression of deal values: numbers and categories, each about its mean."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, with_config
from typing_extensions import TypedDict

from online_models.axes import LARGEST_POSITION, category, is_count, is_input, unit_of
from online_models.formats import STRICT, NotNegative
from online_models.protocols import Features

FARTHEST = 6.0
"""Numbers enter as no farther from their mean, in units of their axis: they pull squared."""

_Position = Annotated[float, Field(ge=-LARGEST_POSITION, le=LARGEST_POSITION)]
# JSON has no tuples: lists are taken for them.
_KnownAndMean = Annotated[tuple[Annotated[float, Field(gt=0.0)], _Position], Field(strict=False)]


@with_config(STRICT)
class DealInputsState(TypedDict):
    """The whole state."""

    seen: NotNegative
    numbers: dict[str, _KnownAndMean]
    plain: dict[str, _Position]


class DealInputs:
    """The inputs that were met, bounded in number, and the mean of each.

    A number that lacks is taken to be its mean; a count or category that lacks is 0, which is
    part of its mean.

    Parameters
    ----------
    max_features
        Inputs beyond this many are ignored and counted.

    Examples
    --------
    >>> inputs = DealInputs(max_features=3)
    >>> for age, stage in [(2.0, "new"), (4.0, "demo")]:
    ...     inputs.learn_one({"age": age, "stage": stage}, weight=1.0)
    >>> inputs.centred({"age": 5.0, "stage": "demo", "size": 7.0})
    {'stage=new': -0.5, 'stage=demo': 0.5, 'age': 2.0}
    >>> inputs.centred({"stage": "demo"})
    {'stage=new': -0.5, 'stage=demo': 0.5}
    """

    def __init__(self, max_features: int) -> None:
        self.max_features = max_features
        self.ignored = 0
        self._seen = 0.0
        self.numbers: dict[str, tuple[float, float]] = {}
        """Number -> as how many examples have it, and its mean."""
        self.plain: dict[str, float] = {}
        """Count or category -> its mean."""

    @property
    def names(self) -> list[str]:
        """What the inputs are called."""
        return [*self.numbers, *self.plain]

    def learn_one(self, x: Features, weight: float) -> None:
        """Learn what a lead has."""
        self._seen += weight
        share = weight / self._seen
        found = dict(_plain_of(x))
        for name in found:
            if name not in self.plain and self._has_room():
                self.plain[name] = 0.0
        for name, mean in self.plain.items():
            self.plain[name] = mean + share * (found.get(name, 0.0) - mean)
        for name, value in _numbers_of(x):
            known, mean = self.numbers.get(name, (0.0, 0.0))
            if known or self._has_room():
                known += weight
                self.numbers[name] = known, mean + weight / known * (value - mean)

    def centred(self, x: Features) -> dict[str, float]:
        """Return what is known of these, each less its mean."""
        found = dict(_plain_of(x))
        inputs = {name: found.get(name, 0.0) - mean for name, mean in self.plain.items()}
        for name, value in _numbers_of(x):
            if (row := self.numbers.get(name)) is not None:
                inputs[name] = beside(value, row[1])
        return inputs

    def checkpoint(self) -> DealInputsState:
        """Return the whole state."""
        return {"seen": self._seen, "numbers": dict(self.numbers), "plain": dict(self.plain)}

    def restore(self, state: Any) -> None:
        """Go on from a checkpoint that has been checked."""
        self._seen = state["seen"]
        self.numbers, self.plain = dict(state["numbers"]), dict(state["plain"])

    def _has_room(self) -> bool:
        if len(self.numbers) + len(self.plain) < self.max_features:
            return True
        self.ignored += 1
        return False


def bounded(name: str, value: float) -> float:
    """Return a number in units of its axis, within the axis.

    >>> bounded("points", 60.0), bounded("age", 1e9)
    (3.0, 40.0)
    """
    return max(-LARGEST_POSITION, min(LARGEST_POSITION, value / unit_of(name)))


def beside(position: float, mean: float) -> float:
    """Return how far a number lies from its mean, at most 6 to either side."""
    return max(-FARTHEST, min(FARTHEST, position - mean))


def _plain_of(x: Features) -> Iterator[tuple[str, float]]:
    for name, value in x.items():
        if isinstance(value, str):
            yield category(name, value), 1.0
        elif is_count(name):
            yield name, bounded(name, value)


def _numbers_of(x: Features) -> Iterator[tuple[str, float]]:
    for name, value in x.items():
        if not isinstance(value, str) and is_input(name) and not is_count(name):
            yield name, bounded(name, value)
