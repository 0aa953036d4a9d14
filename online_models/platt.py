"""Platt's scaling, online: margins of any classifier become log-odds that hold."""

from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from online_models.calibration import FARTHEST
from online_models.laplace import step

SLOPE_VARIANCE = 1.0
LEVEL_VARIANCE = 4.0
SMALLEST_SLOPE = 0.01
LARGEST = 1_000.0
SMALLEST_VARIANCE = 1e-12
"""Rounding may leave a little less than nothing."""


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class PlattState(TypedDict):
    """The whole state."""

    slope: Annotated[float, Field(ge=SMALLEST_SLOPE, le=LARGEST)]
    level: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
    slope_variance: Annotated[float, Field(gt=0.0, le=SLOPE_VARIANCE)]
    covariance: Annotated[float, Field(ge=-2.0, le=2.0)]
    level_variance: Annotated[float, Field(gt=0.0, le=LEVEL_VARIANCE)]


class PlattScaling:
    """Log-odds as slope times margin plus level (Platt 1999), learned like two Bayesian weights.

    A margin that knows neither how sure it may be nor the base rate (of a support vector machine,
    of naive Bayes that counts the same evidence twice) has both wrong, so both are learned, each
    from margins that were given before their label was known. Slope 1 and level 0 are the prior.

    Parameters
    ----------
    memory
        Labels after which one counts half.

    Examples
    --------
    >>> platt = PlattScaling()
    >>> for n in range(3_000):  # a margin of 5 or -5, of which 50 % and 12 % convert
    ...     platt.learn_one(5.0, n % 2 == 0)
    ...     platt.learn_one(-5.0, n % 8 == 0)
    >>> abs(platt.applied(5.0)) < 0.1, -2.1 < platt.applied(-5.0) < -1.8
    (True, True)
    """

    def __init__(self, memory: float = 1_000.0) -> None:
        self.slope = 1.0
        self.level = 0.0
        self._keeps = 2.0 ** (-1.0 / memory)
        self._slope_variance = SLOPE_VARIANCE
        self._covariance = 0.0
        self._level_variance = LEVEL_VARIANCE

    def learn_one(self, margin: float, y: bool, weight: float = 1.0) -> None:
        """Learn what became of a lead that a model gave such a margin before it knew."""
        m = max(-FARTHEST, min(FARTHEST, margin))
        self._forget()
        towards_slope = self._slope_variance * m + self._covariance
        towards_level = self._covariance * m + self._level_variance
        variance = max(0.0, towards_slope * m + towards_level)
        surprise, certainty = step(self.applied(m), variance, y, weight)
        self.slope = max(SMALLEST_SLOPE, min(LARGEST, self.slope + towards_slope * surprise))
        self.level = max(-LARGEST, min(LARGEST, self.level + towards_level * surprise))
        self._slope_variance = max(
            SMALLEST_VARIANCE, self._slope_variance - towards_slope * towards_slope * certainty
        )
        self._covariance -= towards_slope * towards_level * certainty
        self._level_variance = max(
            SMALLEST_VARIANCE, self._level_variance - towards_level * towards_level * certainty
        )

    def applied(self, margin: float) -> float:
        """Return calibrated log-odds."""
        return self.slope * margin + self.level

    def checkpoint(self) -> PlattState:
        """Return the whole state."""
        return {
            "slope": self.slope,
            "level": self.level,
            "slope_variance": self._slope_variance,
            "covariance": self._covariance,
            "level_variance": self._level_variance,
        }

    def restore(self, state: PlattState) -> None:
        """Go on from a checkpoint that has been checked."""
        self.slope, self.level = state["slope"], state["level"]
        self._slope_variance = state["slope_variance"]
        self._covariance = state["covariance"]
        self._level_variance = state["level_variance"]

    def _forget(self) -> None:
        """Let what is known fade a little: all of it alike, and not beyond the prior."""
        grown = 1.0 / self._keeps
        if (
            self._slope_variance * grown <= SLOPE_VARIANCE
            and self._level_variance * grown <= LEVEL_VARIANCE
        ):
            self._slope_variance *= grown
            self._covariance *= grown
            self._level_variance *= grown
