"""What learners of uplift are made of: effects with errors, models that serve, checkpoints."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.catalogue import build_model, build_scorer
from online_models.intervals import quantile
from online_models.laplace import expit
from online_models.protocols import Features, PropensityModel, Scorer

SCHEMA = 30
LIBRARY = "leadstream uplift"
"""The models that a learner stands on say themselves which library they are of."""
CONFIDENCE = 0.95
_REACH = quantile(CONFIDENCE)
LEAST = 100
"""Leads that an arm must have before anything is told of how sure its model is: with hardly any,
a guess would pass for knowledge, and an arm without leads would stop or start all treatment."""


class Uplift(NamedTuple):
    """What treating a lead changes.

    Parameters
    ----------
    effect
        Probability to convert when treated, less that when not.
    standard_error
        Of the effect, from what is not known of the models; None where they do not tell, or an
        arm has had hardly any leads.

    Examples
    --------
    >>> Uplift(-0.05, 0.02).do_not_disturb, Uplift(-0.05, 0.04).do_not_disturb
    (True, False)
    >>> Uplift(-0.05, None).do_not_disturb
    False
    """

    effect: float
    standard_error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The effect's 95 % interval; None where there is no standard error."""
        if self.standard_error is None:
            return None
        reach = _REACH * self.standard_error
        return max(-1.0, self.effect - reach), min(1.0, self.effect + reach)

    @property
    def do_not_disturb(self) -> bool:
        """Whether treating the lead does harm, beyond doubt: all of the interval is below zero."""
        return self.interval is not None and self.interval[1] < 0.0


class Estimate(NamedTuple):
    """A probability, and its standard error where the model has one."""

    p: float
    standard_error: float | None


class ServedModel:
    """A model of the catalogue that learns, and tells what it knows with a standard error.

    Its scorer knows the error, and is made anew when it is asked after something was learned:
    that takes as long as learning some leads, so ask for many between lessons.

    Parameters
    ----------
    kind
        Name in the catalogue.
    checkpoint
        To go on from.

    Raises
    ------
    ModelFormatError
        If there is no such kind, or the checkpoint does not fit it.
    """

    def __init__(self, kind: str, checkpoint: Mapping[str, Any] | None = None) -> None:
        self._model: PropensityModel = build_model(kind, checkpoint)
        self._scorer: Scorer | None = None

    @property
    def learned(self) -> int:
        """How many leads it has learned from."""
        return self._model.positives + self._model.negatives

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector."""
        self._model.learn_one(x, y, weight)
        self._scorer = None

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability alone, which is at hand while learning."""
        return self._model.predict_proba_one(x)

    def estimate_one(self, x: Features) -> Estimate:
        """Return the probability with its standard error, by the delta method.

        There is none before ``LEAST`` leads.
        """
        if self._scorer is None:
            self._scorer = build_scorer("uplift", "", self._model.snapshot())
        intercept, contributions, variance = self._scorer.explain_one(x)
        p = expit(intercept + math.fsum(contributions.values()))
        if variance <= 0.0 or self.learned < LEAST:
            return Estimate(p, None)
        return Estimate(p, p * (1.0 - p) * math.sqrt(variance))

    def checkpoint(self) -> dict[str, Any]:
        """Return the model's whole state."""
        return self._model.checkpoint()


def difference(treated: Estimate, untreated: Estimate) -> Uplift:
    """Return the difference of two probabilities whose errors are independent."""
    effect = treated.p - untreated.p
    if treated.standard_error is None or untreated.standard_error is None:
        return Uplift(effect, None)
    return Uplift(effect, math.hypot(treated.standard_error, untreated.standard_error))


def check_probability(treated_probability: float | None) -> None:
    """Refuse a probability that left no choice.

    Raises
    ------
    ValueError
        It says what is wrong.
    """
    if treated_probability is not None and not 0.0 < treated_probability < 1.0:
        raise ValueError(
            f"treated_probability is {treated_probability!r}: it must be between 0 and 1, since "
            "effects are told by leads that might as well have been in the other arm"
        )


@with_config(formats.STRICT)
class Checkpoint(TypedDict):
    """The whole state of a learner that is all in its models."""

    learner: Literal["t", "s", "x"]
    kind: Annotated[str, Field(max_length=100)]
    models: dict[str, dict[str, Any]]


_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)


def document(learner: str, kind: str, models: Mapping[str, ServedModel]) -> dict[str, Any]:
    """Return a learner's checkpoint."""
    return {
        "schema": SCHEMA,
        "library": LIBRARY,
        "learner": learner,
        "kind": kind,
        "models": {name: model.checkpoint() for name, model in models.items()},
    }


def restored(
    state: dict[str, Any], learner: str, names: tuple[str, ...]
) -> tuple[str, dict[str, ServedModel]]:
    """Return the kind and the models of a checkpoint.

    Raises
    ------
    ModelFormatError
        If it is not of this learner, or broken, or that of a model is.
    """
    formats.check_origin(state, SCHEMA, LIBRARY)
    checked: Checkpoint = formats.validated(_CHECKPOINT, state, "checkpoint")
    if checked["learner"] != learner or set(checked["models"]) != set(names):
        raise formats.ModelFormatError(
            f"checkpoint is of learner {checked['learner']!r} with models "
            f"{', '.join(checked['models'])!s:.200}; asked for is {learner!r}"
        )
    kind = checked["kind"]
    return kind, {name: ServedModel(kind, checked["models"][name]) for name in names}
