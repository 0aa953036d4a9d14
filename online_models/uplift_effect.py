"""What treating a lead changes, and when it is to be left alone: light to import, for who asks."""

from typing import NamedTuple, Protocol

from online_models.intervals import quantile
from online_models.protocols import Features

CONFIDENCE = 0.99
"""Of an effect's interval: it is asked of each lead anew, and with each version of the model."""
REACH = quantile(CONFIDENCE)


class Uplift(NamedTuple):
    """What treating a lead changes.

    Parameters
    ----------
    effect
        Probability to convert when treated, less that when not.
    standard_error
        Of the effect, from what is not known of the models; None where they do not tell, or an
        arm has had too few leads (``online_models.uplift_parts``).
    bounds
        Ends of the effect's interval, where they are not as far to either side as the standard
        error says.

    Examples
    --------
    >>> Uplift(-0.05, 0.01).do_not_disturb, Uplift(-0.05, 0.03).do_not_disturb
    (True, False)
    >>> Uplift(-0.05, None).do_not_disturb
    False
    """

    effect: float
    standard_error: float | None
    bounds: tuple[float, float] | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The effect's 99 % interval; None where there is no standard error."""
        if self.standard_error is None:
            return None
        reach = REACH * self.standard_error
        low, high = self.bounds or (self.effect - reach, self.effect + reach)
        return max(-1.0, low), min(1.0, high)

    @property
    def do_not_disturb(self) -> bool:
        """Whether treating the lead does harm, beyond doubt: all of the interval is below zero."""
        return self.interval is not None and self.interval[1] < 0.0


class PredictsUplift(Protocol):
    """One version of a learner of uplift, serving."""

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        ...
