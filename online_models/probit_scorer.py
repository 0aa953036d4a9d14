"""Serving a probit model from its snapshot: log-odds, exact contributions, and how sure it is."""

import math
from collections.abc import Callable
from typing import Any

from scipy.special import log_ndtr

from online_models import variant_formats
from online_models.axes import inputs_of
from online_models.formats import validated
from online_models.protocols import Features

FARTHEST = 38.0
"""Probits beyond this are taken for this: their probability is 0 or 1 to the last bit."""
LOG_ODDS_PER_PROBIT = math.sqrt(8.0 / math.pi)
"""Slope of log-odds over probits where both are 0."""


def log_odds_of(probits: float) -> float:
    """Return the log-odds of the probability that is so many probits.

    >>> log_odds_of(0.0), round(log_odds_of(1.96), 3)  # the latter 97.5 %
    (0.0, 3.664)
    """
    t = max(-FARTHEST, min(FARTHEST, probits))
    return float(log_ndtr(t) - log_ndtr(-t))


def log_odds_per_probit(probits: float) -> float:
    """Return how many log-odds each probit of a sum of probits stands for."""
    if abs(probits) < 1e-6:
        return LOG_ODDS_PER_PROBIT
    return log_odds_of(probits) / probits


class ProbitScorer:
    """One version of an ``AdPredictor``, serving.

    What facts contribute adds up in probits of the noisy sum; the log-odds of that sum are divided
    among them in the same proportions.

    Parameters
    ----------
    model, version
        Its name and version, which scores carry.
    snapshot
        As made by ``AdPredictor``.
    fact_of
        Feature -> the name that its contribution is counted under.

    Raises
    ------
    ModelFormatError
        If the snapshot is broken.
    """

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        checked: variant_formats.ProbitSnapshot = validated(
            variant_formats.PROBIT, snapshot, "snapshot"
        )
        self.model, self.version = model, version
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._intercept, self._intercept_variance = checked["intercept"]
        self._weights = checked["weights"]
        self._centres = [(f, fact_of(f), centre) for f, centre in checked["centres"].items()]
        self._fact_of = fact_of

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each fact contributes to the log-odds, and their variance.

        The variance is that of the noiseless sum, carried over to log-odds by the slope at hand.
        """
        variance = self._intercept_variance
        sums: dict[str, float] = {fact: -centre for _, fact, centre in self._centres}
        for feature, knot, name, value in inputs_of(x):
            if (known := self._weights.get(name)) is not None:
                fact = self._fact_of(name if knot is None else feature)
                sums[fact] = sums.get(fact, 0.0) + known[0] * value
                variance += known[1] * value * value
        deviation = math.sqrt(1.0 + variance)
        probits = math.fsum([self._intercept, *sums.values()]) / deviation
        factor = log_odds_per_probit(probits) / deviation
        contributions = {fact: total * factor for fact, total in sums.items()}
        slope = _slope(probits)
        return self._intercept * factor, contributions, slope * slope * variance


def _slope(probits: float) -> float:
    """Return the slope of log-odds over probits: the normal density over both of its tails."""
    t = max(-FARTHEST, min(FARTHEST, probits))
    log_density = -(t * t + math.log(2.0 * math.pi)) / 2.0
    return math.exp(log_density - float(log_ndtr(t) + log_ndtr(-t)))
