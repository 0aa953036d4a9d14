"""The X-learner: each arm's leads are told what the other arm's model would have them do."""

import math
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.effect_regression import EffectRegression
from online_models.protocols import Features
from online_models.uplift_effect import Uplift
from online_models.uplift_parts import (
    LEAST,
    ServedModel,
    check_probability,
    document,
    restored,
)

ASSIGNMENT_KIND = "logistic"
"""Of the model that learns who is treated, where that is not known."""


@with_config(formats.STRICT)
class Checkpoint(TypedDict):
    """What an X-learner knows beside its outcome models."""

    effects: dict[str, dict[str, Any]]
    assignment: dict[str, Any]
    known_sum: formats.NotNegative
    known_count: Annotated[int, Field(ge=0, le=10**12)]


_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)


class XLearner:
    r"""Effects imputed lead by lead from the other arm's model, and a regression on them.

    Künzel et al. (2019), equations 6 to 9, online. With :math:`\mu_1, \mu_0` the outcome models
    of a ``TLearner``, a treated lead's imputed effect is :math:`y - \mu_0(x)`, an untreated one's
    :math:`\mu_1(x) - y`. Of each arm's, a linear regression learns :math:`\tau_1(x)` and
    :math:`\tau_0(x)`, and the effect is

    .. math:: \tau(x) = g(x) \tau_0(x) + (1 - g(x)) \tau_1(x)

    where :math:`g(x)` is the probability to be treated: the larger arm's outcome model is the
    better one, and is used by the imputed effects of the smaller arm. So it suits a small
    holdout. A lead's effect is imputed with what was known before it, once the other arm has had
    ``LEAST`` leads.

    Both of :math:`\tau` stand on both outcome models, so they err together, and a regression errs
    as well by what its imputations do: :math:`s_\tau = g \sqrt{v_0 + s_1^2} + (1 - g)
    \sqrt{v_1 + s_0^2}` is rather too wide than too narrow.

    :math:`g` is the mean of the probabilities that were given; if one ever was not, it is what a
    logistic regression has learned from those leads.

    Parameters
    ----------
    kind
        Of both outcome models, as the catalogue names it.

    Examples
    --------
    >>> learner = XLearner()
    >>> for n in range(3_000):  # one in three is held out; treated ones all convert
    ...     learner.learn_one({"stage": "new"}, n % 3 != 0, n % 3 != 0, treated_probability=2 / 3)
    >>> learner.predict_uplift_one({"stage": "new"}).effect > 0.9
    True
    """

    def __init__(self, kind: str = "bayesian_logistic") -> None:
        self.kind = kind
        self._treated = ServedModel(kind)
        self._untreated = ServedModel(kind)
        self._treated_effect = EffectRegression()
        self._untreated_effect = EffectRegression()
        self._assignment = ServedModel(ASSIGNMENT_KIND)
        self._known_sum = 0.0
        self._known_count = 0

    def learn_one(
        self,
        x: Features,
        is_treated: bool,
        y: bool,
        treated_probability: float | None = None,
        weight: float = 1.0,
    ) -> None:
        """Learn as ``UpliftLearner`` says."""
        check_probability(treated_probability)
        if treated_probability is None:
            self._assignment.learn_one(x, is_treated, weight)
        else:
            self._known_sum += treated_probability
            self._known_count += 1
        if is_treated:
            if self._untreated.learned >= LEAST:
                imputed = y - self._untreated.predict_proba_one(x)
                self._treated_effect.learn_one(x, imputed, weight)
            self._treated.learn_one(x, y, weight)
        else:
            if self._treated.learned >= LEAST:
                imputed = self._treated.predict_proba_one(x) - y
                self._untreated_effect.learn_one(x, imputed, weight)
            self._untreated.learn_one(x, y, weight)

    def treated_probability_one(self, x: Features) -> float:
        """Return with which probability such a lead is treated, as given or else learned."""
        if self._assignment.learned:
            return self._assignment.predict_proba_one(x)
        return self._known_sum / self._known_count if self._known_count else 0.5

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        g = self.treated_probability_one(x)
        of_treated, treated_variance = self._treated_effect.predict_one(x)
        of_untreated, untreated_variance = self._untreated_effect.predict_one(x)
        effect = max(-1.0, min(1.0, g * of_untreated + (1.0 - g) * of_treated))
        treated = self._treated.estimate_one(x).standard_error
        untreated = self._untreated.estimate_one(x).standard_error
        if treated is None or untreated is None:
            return Uplift(effect, None)
        error = g * math.hypot(math.sqrt(untreated_variance), treated)
        error += (1.0 - g) * math.hypot(math.sqrt(treated_variance), untreated)
        return Uplift(effect, error)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        models = {"treated": self._treated, "untreated": self._untreated}
        return {
            **document("x", self.kind, models),
            "effects": {
                "treated": self._treated_effect.checkpoint(),
                "untreated": self._untreated_effect.checkpoint(),
            },
            "assignment": self._assignment.checkpoint(),
            "known_sum": self._known_sum,
            "known_count": self._known_count,
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "XLearner":
        """Rebuild a learner from its checkpoint; raises as ``TLearner.restore`` does."""
        kind, models = restored(state, "x", ("treated", "untreated"))
        checked: Checkpoint = formats.validated(_CHECKPOINT, state, "checkpoint")
        effects = checked["effects"]
        if effects.keys() != models.keys():
            raise formats.ModelFormatError("checkpoint is broken: effects: not one of each arm")
        if checked["known_sum"] > checked["known_count"]:
            raise formats.ModelFormatError("checkpoint is broken: known_sum: above one a lead")
        learner = cls(kind)
        learner._treated, learner._untreated = models["treated"], models["untreated"]
        learner._treated_effect = EffectRegression.restore(effects["treated"])
        learner._untreated_effect = EffectRegression.restore(effects["untreated"])
        learner._assignment = ServedModel(ASSIGNMENT_KIND, checked["assignment"])
        learner._known_sum = checked["known_sum"]
        learner._known_count = checked["known_count"]
        return learner
