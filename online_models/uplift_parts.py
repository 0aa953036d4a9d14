"""What learners of uplift are made of: effects with errors, models that serve, checkpoints."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats, intervals
from online_models.catalogue import build_model, build_scorer
from online_models.intervals import Figure
from online_models.laplace import expit
from online_models.protocols import Features, PropensityModel, Scorer
from online_models.uplift_effect import REACH, Uplift

SCHEMA = 30
LIBRARY = "leadstream uplift"
"""The models that a learner stands on say themselves which library they are of."""
LEAST = 100
"""Leads that an arm must have before anything is told of how sure its model is: with hardly any,
a guess would pass for knowledge, and an arm without leads would stop or start all treatment."""
LEAST_OF_A_LABEL = 20
"""Leads that converted, and leads that did not, that an arm must have as well: what is told of few
outcomes errs by more than it says. Errors of a logistic regression hold from ten of the rarer
outcome a weight on (Peduzzi et al. 1996, "A simulation study of the number of events per variable
in logistic regression analysis", J. Clin. Epidemiol. 49(12)); intervals of a share with ten are
still too narrow at times (Brown, Cai and DasGupta 2001, "Interval estimation for a binomial
proportion", Statistical Science 16(2)). The prior holds weights that have fewer."""


class Estimate(NamedTuple):
    """A probability with its interval, and its standard error where that is known."""

    figure: Figure
    standard_error: float | None


def estimate_one(scorer: Scorer, x: Features) -> Estimate:
    """Return a lead's probability, and how far it may be off.

    The standard error is by the delta method. The interval is that of the log-odds, which are
    what is normally distributed: of a small probability it reaches further up than down, as few
    conversions demand. Before ``LEAST`` leads and ``LEAST_OF_A_LABEL`` of either outcome neither
    is known.
    """
    intercept, contributions, variance = scorer.explain_one(x)
    log_odds = intercept + math.fsum(contributions.values())
    p, leads = expit(log_odds), scorer.positives + scorer.negatives
    if variance <= 0.0 or not is_enough(scorer.positives, scorer.negatives):
        return Estimate(Figure(p, 0.0, 1.0, leads), None)
    deviation = math.sqrt(variance)
    reach = REACH * deviation
    figure = Figure(p, expit(log_odds - reach), expit(log_odds + reach), leads)
    return Estimate(figure, p * (1.0 - p) * deviation)


def is_enough(converted: int, others: int) -> bool:
    """Tell whether an arm has had as many leads as it takes.

    >>> is_enough(20, 80), is_enough(19, 1_000), is_enough(40, 40)
    (True, False, False)
    """
    return converted + others >= LEAST and min(converted, others) >= LEAST_OF_A_LABEL


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
        """Return the probability with its interval and standard error, as ``estimate_one``."""
        return estimate_one(self.scorer, x)

    @property
    def scorer(self) -> Scorer:
        """What serves the model as it is now."""
        if self._scorer is None:
            self._scorer = build_scorer("uplift", "", self._model.snapshot())
        return self._scorer

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs."""
        return self._model.snapshot()

    def checkpoint(self) -> dict[str, Any]:
        """Return the model's whole state."""
        return self._model.checkpoint()


def difference(treated: Estimate, untreated: Estimate) -> Uplift:
    """Return by how much two probabilities differ whose errors are independent.

    The interval is put together from theirs (``online_models.intervals.difference``).
    """
    effect, low, high = intervals.difference(treated.figure, untreated.figure)
    if treated.standard_error is None or untreated.standard_error is None:
        return Uplift(effect, None)
    error = math.hypot(treated.standard_error, untreated.standard_error)
    return Uplift(effect, error, (low, high))


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
