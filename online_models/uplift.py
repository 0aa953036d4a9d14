"""Uplift: by how much a treatment changes a lead's probability to convert; T- and S-learner.

The names are those of Künzel, Sekhon, Bickel and Yu (2019), "Metalearners for estimating
heterogeneous treatment effects using machine learning", PNAS 116(10), whose X-learner is in
``online_models.x_learner``. A learner stands on propensity models of any kind of the catalogue.
Which is better depends on data, so all have the same methods.
"""

from typing import Any, Protocol

from online_models.protocols import Features
from online_models.served_uplift import Arms, ServedSLearner, when_treated
from online_models.uplift_effect import Uplift
from online_models.uplift_parts import (
    LIBRARY,
    SCHEMA,
    ServedModel,
    check_probability,
    difference,
    document,
    restored,
)


class UpliftLearner(Protocol):
    """What learns uplift, one lead's outcome at a time."""

    def learn_one(
        self,
        x: Features,
        is_treated: bool,
        y: bool,
        treated_probability: float | None = None,
        weight: float = 1.0,
    ) -> None:
        """Learn from one lead whose outcome is known; ``x`` is as before it was treated.

        Parameters
        ----------
        x
            The lead's features; not changed.
        is_treated
            Whether it was treated, or held out.
        y
            Whether it converted.
        treated_probability
            With which it was to be treated, as logged; None where that is not known.
        weight
            How many leads like it this one stands for.

        Raises
        ------
        ValueError
            If the probability is not between 0 and 1: without a choice nothing is compared.
        """
        ...

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        ...


class TLearner:
    r"""One model learns from treated leads, one from untreated ones; they differ by the uplift.

    Nothing is shared, so nothing is assumed of how effects look; but of effects that are small
    beside what the models do not know, much is noise. Their errors are independent:
    :math:`s^2 = s_1^2 + s_0^2`.

    Parameters
    ----------
    kind
        Of both models, as the catalogue names it.

    Examples
    --------
    >>> learner = TLearner()
    >>> for n in range(1_000):  # an email wakes those who are new, and puts off those who bought
    ...     learner.learn_one({"stage": "new"}, n % 2 == 0, n % 2 == 0 and n % 6 == 0)
    ...     learner.learn_one({"stage": "bought"}, n % 2 == 0, n % 2 == 1 and n % 3 == 0)
    >>> learner.predict_uplift_one({"stage": "new"}).effect > 0.2
    True
    >>> learner.predict_uplift_one({"stage": "bought"}).do_not_disturb
    True
    """

    def __init__(self, kind: str = "bayesian_logistic") -> None:
        self.kind = kind
        self._treated = ServedModel(kind)
        self._untreated = ServedModel(kind)

    def learn_one(
        self,
        x: Features,
        is_treated: bool,
        y: bool,
        treated_probability: float | None = None,
        weight: float = 1.0,
    ) -> None:
        """Learn as ``UpliftLearner`` says; leads of equal features need no probability."""
        check_probability(treated_probability)
        (self._treated if is_treated else self._untreated).learn_one(x, y, weight)

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        return difference(self._treated.estimate_one(x), self._untreated.estimate_one(x))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        models = {"treated": self._treated, "untreated": self._untreated}
        return document("t", self.kind, models)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "TLearner":
        """Rebuild a learner from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or learner, or broken, or that of a model is.
        """
        kind, models = restored(state, "t", ("treated", "untreated"))
        learner = cls(kind)
        learner._treated, learner._untreated = models["treated"], models["untreated"]
        return learner


class SLearner:
    """One model of all leads, which is told of the treatment; uplift is what that changes.

    Each feature enters once more for treated leads: a model that adds up contributions would
    else give all leads the same effect in log-odds (Lo 2002, "The true lift model", section 3).
    What both arms share is learned once, and effects are shrunk towards none. The two
    probabilities err together, so their errors added as if independent are rather too wide.

    Parameters
    ----------
    kind
        Of the model, as the catalogue names it.

    Examples
    --------
    >>> learner = SLearner()
    >>> for n in range(1_000):
    ...     learner.learn_one({"stage": "new"}, n % 2 == 0, n % 2 == 0 and n % 6 == 0)
    >>> learner.predict_uplift_one({"stage": "new"}).effect > 0.2
    True
    """

    def __init__(self, kind: str = "bayesian_logistic") -> None:
        self.kind = kind
        self._both = ServedModel(kind)
        self._arms = Arms.none()

    def learn_one(
        self,
        x: Features,
        is_treated: bool,
        y: bool,
        treated_probability: float | None = None,
        weight: float = 1.0,
    ) -> None:
        """Learn as ``UpliftLearner`` says; leads of equal features need no probability."""
        check_probability(treated_probability)
        self._both.learn_one(when_treated(x) if is_treated else x, y, weight)
        self._arms = self._arms.plus(is_treated, y)

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        return ServedSLearner(self._both.scorer, self._arms).predict_uplift_one(x)

    @property
    def learned(self) -> int:
        """How many leads it has learned from."""
        return self._both.learned

    @property
    def converted(self) -> int:
        """How many of them converted."""
        return self._arms.converted

    def predict_effect_one(self, x: Features) -> float:
        """Return the effect alone, which is at hand while learning."""
        treated = self._both.predict_proba_one(when_treated(x))
        return treated - self._both.predict_proba_one(x)

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs, as plain JSON, which ``ServedSLearner`` is built from."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "model": self._both.snapshot(),
            "arms": self._arms.to_json(),
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            **document("s", self.kind, {"both": self._both}),
            "arms": self._arms.to_json(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "SLearner":
        """Rebuild a learner from its checkpoint; raises as ``TLearner.restore`` does."""
        kind, models = restored(state, "s", ("both",))
        learner = cls(kind)
        learner._both = models["both"]
        learner._arms = Arms.from_json(state, "checkpoint")
        return learner
