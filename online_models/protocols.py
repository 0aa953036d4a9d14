"""What leadstream asks of a propensity model: one protocol to learn, one to serve."""

from collections.abc import Mapping
from typing import Any, Protocol

Features = Mapping[str, float | str]


class PropensityModel(Protocol):
    """A binary classifier that learns one example at a time, in River's verbs."""

    positives: int
    negatives: int

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; ``x`` is not changed."""
        ...

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs, as plain JSON."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON: a model rebuilt from it goes on the same."""
        ...


class Scorer(Protocol):
    """One version of a propensity model, serving."""

    model: str
    version: str
    positives: int
    negatives: int

    def explain_one(self, x: Features) -> tuple[float, Mapping[str, float], float]:
        """Return the intercept, what each fact contributes, and the variance of their sum.

        Intercept and contributions together are the log-odds. The variance is that of the
        log-odds, from what is not known of the weights; 0 where a model does not tell.
        """
        ...
