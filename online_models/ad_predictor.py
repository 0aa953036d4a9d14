"""Bayesian probit regression online: a normal distribution for each weight (adPredictor)."""

import math
from dataclasses import dataclass, field
from typing import Any

import scipy
from scipy.special import erfcx

from online_models import formats, laplace, variant_formats
from online_models.axes import inputs_of
from online_models.probit_scorer import log_odds_of
from online_models.protocols import Features

SNAPSHOT_SCHEMA = 11
CHECKPOINT_SCHEMA = 11
LIBRARY = f"scipy {scipy.__version__.partition('.')[0]}"
INTERCEPT_VARIANCE = 4.0
SMALLEST_VARIANCE = 1e-12
"""Rounding may leave less than nothing of a variance."""


@dataclass(slots=True)
class _Weight:
    """What is believed of an input's weight, and the sum of the values that the input came with."""

    variance: float
    mean: float = 0.0
    total: float = 0.0


@dataclass(slots=True)
class _Number:
    """How often a number came, and its knots."""

    seen: int = 0
    knots: dict[str, None] = field(default_factory=dict)


class AdPredictor:
    r"""Probit regression with one normal distribution for each weight, moved by each example.

    Graepel, Candela, Borchert and Herbrich (2010): the label is the sign of
    :math:`w^T x` plus noise of variance 1. After each label the weights' distribution is
    replaced by the normal one of the same means and variances (their equations 9 and 10), and
    drawn back to the prior a little, so that it forgets (section 3.6, "dynamics").
    Rare inputs stay uncertain and take large steps, well-known ones small steps, at a cost that is
    linear in the inputs at hand; and each score comes with how sure it is.

    River's ``AdPredictor`` takes every input as present or absent and every example once; this one
    takes values and weights. On what both can learn they agree (see the tests). Unlike there, an
    input never learned from adds no variance: a new field of a form would draw every lead
    towards one half.

    Parameters
    ----------
    prior_variance
        Of each weight before anything is learned of it, in units of the label's noise.
    memory
        Examples after which what was learned of an input counts half, by its own examples.
        Infinity never forgets.
    max_features
        Inputs beyond this many are ignored, so that ids in a text field cannot fill the memory.

    Examples
    --------
    >>> model = AdPredictor()
    >>> for _ in range(200):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    >>> round(model.predict_proba_one({"last": "never seen"}), 1)
    0.5
    """

    def __init__(
        self, prior_variance: float = 0.03, memory: float = 10_000.0, max_features: int = 20_000
    ) -> None:
        self.prior_variance = prior_variance
        self.memory = memory
        self.max_features = max_features
        self.positives = 0
        self.negatives = 0
        self.ignored_features = 0
        self._intercept = _Weight(INTERCEPT_VARIANCE)
        self._weights: dict[str, _Weight] = {}
        self._numbers: dict[str, _Number] = {}

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        r"""Learn from one labelled vector; a weight stands for that many like it.

        What one label adds to :math:`w^T x` is, among normal distributions, a precision and a
        shift of its own; a weight multiplies both (fractional updates: Minka 2004, "Power EP").
        """
        weight = min(weight, formats.LARGEST_WEIGHT)
        inputs = self._place(x)
        mean = math.fsum(known.mean * value for known, value in inputs)
        variance = math.fsum(known.variance * value * value for known, value in inputs)
        surprise, certainty = _moments(mean, variance, y)
        repeated = weight / (1.0 + (weight - 1.0) * variance * certainty)
        for known, value in inputs:
            step = known.variance * value
            known.mean += step * surprise * repeated
            narrowed = known.variance - step * step * certainty * repeated
            known.variance = max(SMALLEST_VARIANCE, narrowed)
            self._forget(known)
        if y:
            self.positives += 1
        else:
            self.negatives += 1

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        mean, variance = self._intercept.mean, self._intercept.variance
        for _, _, name, value in inputs_of(x):
            if (known := self._weights.get(name)) is not None:
                mean += known.mean * value
                variance += known.variance * value * value
        return laplace.expit(log_odds_of(mean / math.sqrt(1.0 + variance)))

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs.

        ``weights``: input -> [mean, variance]. ``centres``: what a number that never lacks adds
        on average; it is part of the intercept, so that reasons are told against the average lead.
        """
        centres = {}
        for feature, number in self._numbers.items():
            if number.seen == self.positives + self.negatives:
                known = [self._weights[name] for name in number.knots]
                centres[feature] = math.fsum(k.mean * k.total for k in known) / number.seen
        return {
            "schema": SNAPSHOT_SCHEMA,
            "library": LIBRARY,
            "positives": self.positives,
            "negatives": self.negatives,
            "intercept": [
                math.fsum([self._intercept.mean, *centres.values()]),
                self._intercept.variance,
            ],
            "weights": {name: [k.mean, k.variance] for name, k in self._weights.items()},
            "centres": centres,
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "positives": self.positives,
            "negatives": self.negatives,
            "ignored_features": self.ignored_features,
            "intercept": [self._intercept.mean, self._intercept.variance],
            "weights": {n: [k.mean, k.variance, k.total] for n, k in self._weights.items()},
            "numbers": {
                f: [number.seen, list(number.knots)] for f, number in self._numbers.items()
            },
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "AdPredictor":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken.
        """
        formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: variant_formats.ProbitCheckpoint = formats.validated(
            variant_formats.PROBIT_CHECKPOINT, state, "checkpoint"
        )
        model = cls(**parameters)
        model.positives, model.negatives = checked["positives"], checked["negatives"]
        model.ignored_features = checked["ignored_features"]
        model._intercept.mean, model._intercept.variance = checked["intercept"]
        for name, (mean, variance, total) in checked["weights"].items():
            model._weights[name] = _Weight(variance, mean, total)
        for feature, (seen, knots) in checked["numbers"].items():
            if not model._weights.keys() >= set(knots):
                raise formats.ModelFormatError(
                    f"checkpoint is broken: numbers.{feature:.100}: a knot has no weight"
                )
            model._numbers[feature] = _Number(seen, dict.fromkeys(knots))
        return model

    def _place(self, x: Features) -> list[tuple[_Weight, float]]:
        """Return the weights and values of an example's inputs, new ones at the prior."""
        inputs = [(self._intercept, 1.0)]
        for feature, knot, name, value in inputs_of(x):
            known = self._weights.get(name)
            if known is None:
                if len(self._weights) >= self.max_features:
                    self.ignored_features += 1
                    continue
                known = self._weights[name] = _Weight(self.prior_variance)
            inputs.append((known, value))
            if knot is not None:
                known.total += value
                self._numbers.setdefault(feature, _Number()).knots[name] = None
        for feature in x:
            if feature in self._numbers:
                self._numbers[feature].seen += 1
        return inputs

    def _forget(self, known: _Weight) -> None:
        """Draw a weight towards its prior: precisions are mixed, and means by precisions."""
        prior = INTERCEPT_VARIANCE if known is self._intercept else self.prior_variance
        kept = 2.0 ** (-1.0 / self.memory) / known.variance
        variance = 1.0 / (kept + (1.0 - 2.0 ** (-1.0 / self.memory)) / prior)
        known.mean *= variance * kept
        known.variance = variance


def _moments(mean: float, variance: float, y: bool) -> tuple[float, float]:
    """Return how a label moves a normally distributed sum, and how it narrows it.

    Per unit of the sum's variance: the corrections v and w of Graepel et al. (equations 7 and 8)
    over the deviation and the variance of the noisy sum. The scaled complementary error function
    keeps them exact however surprising the label.
    """
    sign = 1.0 if y else -1.0
    deviation = math.sqrt(1.0 + variance)
    t = sign * mean / deviation
    v = math.sqrt(2.0 / math.pi) / float(erfcx(-t / math.sqrt(2.0)))
    w = min(1.0, max(0.0, v * (v + t)))
    return sign * v / deviation, w / (deviation * deviation)
