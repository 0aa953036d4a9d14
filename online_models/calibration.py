"""Calibration online: so that of leads scored 30 %, 30 % convert."""

from collections.abc import Sequence

from online_models.laplace import step

PRIOR_VARIANCE = 0.1
FARTHEST = 10.0
"""Log-odds beyond this say no more than this: a single one of thirty would set the slope."""
SMALLEST_SLOPE = 0.05


class SlopeCalibration:
    """A model's log-odds, stretched about their mean to what became of those it gave.

    Of Platt's scaling (1999) only the slope: how far apart a model should tell leads. Weights that
    are shrunk, or learned in one pass, tell them too little or too much apart for a while. The
    level is left to the model's own intercept: set right in both places it would be set right
    twice. The slope is learned like the weight of a Bayesian logistic regression of one input,
    around 1, and folds exactly into a linear model's weights.

    Parameters
    ----------
    memory
        Labels after which one counts half: shorter than the model's, which mends itself as well.

    Examples
    --------
    >>> calibration = SlopeCalibration()
    >>> for n in range(3_000):  # said with -1 and 1, true with -2 and 2: 12 % and 88 %
    ...     calibration.learn_one(-1.0, n % 8 == 0)
    ...     calibration.learn_one(1.0, n % 8 != 0)
    >>> 1.7 < calibration.applied(1.0) < 2.3
    True
    """

    def __init__(self, memory: float = 1_000.0) -> None:
        self.slope = 1.0
        self._keeps = 2.0 ** (-1.0 / memory)
        self._mean = 0.0
        self._count = 0.0
        self._variance = PRIOR_VARIANCE

    def learn_one(self, log_odds: float, y: bool, weight: float = 1.0) -> None:
        """Learn what became of a lead that a model gave such log-odds before it knew."""
        m = max(-FARTHEST, min(FARTHEST, log_odds))
        self._count = self._count * self._keeps + weight
        self._mean += weight / self._count * (m - self._mean)
        variance = min(PRIOR_VARIANCE, self._variance / self._keeps)
        apart = m - self._mean
        towards = variance * apart
        surprise, certainty = step(self.applied(m), towards * apart, y, weight)
        self.slope = max(SMALLEST_SLOPE, self.slope + towards * surprise)
        self._variance = variance - towards * towards * certainty

    def applied(self, log_odds: float) -> float:
        """Return calibrated log-odds."""
        return self._mean + self.slope * (log_odds - self._mean)

    def checkpoint(self) -> list[float]:
        """Return the whole state."""
        return [self.slope, self._mean, self._count, self._variance]

    def restore(self, state: Sequence[float]) -> None:
        """Go on from a checkpoint."""
        self.slope, self._mean, self._count, self._variance = state
