"""The policy of the rules: what the house put first is done first."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Self

from online_models.formats import ModelFormatError
from online_models.policy.protocol import Choice, Transition, drawn
from online_models.protocols import Features

SCHEMA = 1
LIBRARY = "leadstream rules"


class InOrder:
    """Prefer the first candidate, whatever is known of the lead; it learns nothing.

    Parameters
    ----------
    epsilon
        The share of choices that is uniform; 0 for none, so that no other policy can be
        evaluated by its decisions.

    Examples
    --------
    >>> InOrder(0.0).act({}, ["call", "nurture_email"], Random(1)).probabilities
    {'call': 1.0, 'nurture_email': 0.0}
    >>> InOrder(0.1).act({}, ["call", "nurture_email"], Random(1)).probabilities
    {'call': 0.9500000000000001, 'nurture_email': 0.05}
    """

    def __init__(self, epsilon: float = 0.05) -> None:
        if not 0.0 <= epsilon <= 1.0:
            raise ValueError(f"epsilon is {epsilon!r}: it must be from 0 to 1")
        self.epsilon = epsilon

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:  # noqa: ARG002
        """Choose the first, or with the share epsilon any."""
        preferred = [1.0, *[0.0] * (len(candidates) - 1)]
        if self.epsilon:
            return drawn(candidates, preferred, self.epsilon, rng)
        if not candidates or len(set(candidates)) != len(candidates):
            raise ValueError("candidates must be at least one, and each there once")
        return Choice(candidates[0], dict(zip(candidates, preferred, strict=True)))

    def learn(self, transition: Transition) -> None:
        """Take no notice: rules are written."""

    def checkpoint(self) -> dict[str, Any]:
        """Return what there is to keep."""
        return {"schema": SCHEMA, "library": LIBRARY}

    @classmethod
    def restore(cls, checkpoint: Mapping[str, Any], epsilon: float = 0.05) -> Self:
        """Rebuild it; raises ``ModelFormatError`` if the checkpoint is another policy's."""
        if checkpoint != {"schema": SCHEMA, "library": LIBRARY}:
            raise ModelFormatError("this is no checkpoint of the rules: see who wrote it")
        return cls(epsilon)
