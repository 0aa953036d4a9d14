"""What leadstream asks of a propensity model: one protocol to learn, one to serve."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class PredictsWhileLearning(Protocol):
    """A model that has its prediction at hand when it learns."""

    def predict_then_learn_one(self, x: Features, y: bool, weight: float = 1.0) -> float:
        """Learn from one labelled vector; return what was predicted of it just before."""
        ...


@runtime_checkable
class Doubting(Protocol):
    """A model that can doubt what it has learned, to learn anew sooner."""

    def widen(self) -> None:
        """Doubt by a share that suits the model."""
        ...


def predict_then_learn_one(model: PropensityModel, x: Features, y: bool, weight: float) -> float:
    """Have a model learn from one labelled vector; return what it predicted of it just before."""
    if isinstance(model, PredictsWhileLearning):
        return model.predict_then_learn_one(x, y, weight)
    p = model.predict_proba_one(x)
    model.learn_one(x, y, weight)
    return p


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
