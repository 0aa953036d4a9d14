"""What is known of the features a model has met: which they are, and what the average lead has."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from online_models.axes import category
from online_models.formats import LARGEST, NotNegative, Weight
from online_models.protocols import Features

UNSEEN = -1
"""The number of every category that is not known."""
TEXT_SUFFIX = category("", "")
"""So that a feature's text and its numbers are two features, should it have both."""


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class AverageLeadState(TypedDict):
    """The whole state: numbers' weights and means, categories' weights."""

    seen: NotNegative
    numbers: dict[str, Annotated[list[Weight], Field(min_length=2, max_length=2)]]
    texts: dict[str, dict[str, NotNegative]]


class AverageLead:
    """The features that a model has met, bounded in number, and the average lead's.

    Reasons are told against the average lead: it has the mean of every number that at least half
    of the leads have, and of a text the category that most leads have, which may be none. So it
    never has what few leads have, and a reason that says "has it" is told against not having it.

    Parameters
    ----------
    max_features
        Numbers and categories beyond this many are ignored.

    Examples
    --------
    >>> leads = AverageLead(max_features=3)
    >>> for age, stage in [(2.0, "new"), (4.0, "demo"), (6.0, "demo")]:
    ...     leads.learn_one({"age": age, "stage": stage})
    >>> leads.average()
    {'age': 4.0, 'stage': 'demo'}
    >>> leads.inputs({"age": 1.0, "stage": "demo", "size": 7.0})
    {'age': 1.0, 'stage=': 1}
    >>> leads.inputs({"stage": "never seen"})
    {'stage=': -1}
    """

    def __init__(self, max_features: int) -> None:
        self.max_features = max_features
        self.ignored = 0
        self._seen = 0.0
        self._known = 0
        self._numbers: dict[str, list[float]] = {}
        self._texts: dict[str, dict[str, float]] = {}
        self._codes: dict[str, dict[str, int]] = {}

    def learn_one(self, x: Features, weight: float = 1.0) -> None:
        """Learn what a lead has."""
        self._seen += weight
        for name, value in x.items():
            if isinstance(value, str):
                weights = self._texts.get(name, {})
                if value in weights:
                    weights[value] += weight
                elif self._has_room():
                    self._texts.setdefault(name, weights)[value] = weight
                    codes = self._codes.setdefault(name, {})
                    codes[value] = len(codes)
            elif (row := self._numbers.get(name)) is not None:
                row[0] += weight
                row[1] += weight / row[0] * (_finite(value) - row[1])
            elif self._has_room():
                self._numbers[name] = [weight, _finite(value)]

    def inputs(self, x: Features) -> dict[str, float]:
        """Return what is known of these: numbers as floats, categories as integers."""
        found: dict[str, float] = {}
        for name, value in x.items():
            if isinstance(value, str):
                if name in self._codes:
                    found[name + TEXT_SUFFIX] = self._codes[name].get(value, UNSEEN)
            elif name in self._numbers:
                found[name] = _finite(value)
        return found

    def average(self) -> dict[str, float | str]:
        """Return the average lead."""
        lead: dict[str, float | str] = {
            name: mean for name, (weight, mean) in self._numbers.items() if weight * 2 >= self._seen
        }
        for name, weights in self._texts.items():
            most = max(weights, key=weights.__getitem__)
            if weights[most] >= self._seen - sum(weights.values()):
                lead[name] = most
        return lead

    def checkpoint(self) -> AverageLeadState:
        """Return the whole state."""
        return {
            "seen": self._seen,
            "numbers": {name: list(row) for name, row in self._numbers.items()},
            "texts": {name: dict(weights) for name, weights in self._texts.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint that has been checked."""
        self._seen = state["seen"]
        self._numbers = {name: list(row) for name, row in state["numbers"].items()}
        self._texts = {name: dict(weights) for name, weights in state["texts"].items() if weights}
        self._codes = {
            name: {value: code for code, value in enumerate(weights)}
            for name, weights in self._texts.items()
        }
        self._known = len(self._numbers) + sum(map(len, self._texts.values()))

    def _has_room(self) -> bool:
        if self._known >= self.max_features:
            self.ignored += 1
            return False
        self._known += 1
        return True


def _finite(value: float) -> float:
    return float(max(-LARGEST, min(LARGEST, value)))
