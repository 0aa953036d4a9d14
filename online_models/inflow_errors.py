"""Errors of forecasts by horizon: what they say of the next forecasts, and of their intervals."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.negative_binomial import chance_at_most, mid_interval

Array = NDArray[np.float64]

MISS = 0.05
"""Share of buckets that are to lie below a 90 % interval, and as many above it."""
LEVEL_STEP = 0.005
"""Of adaptive conformal inference: how far a miss moves the level of a bound."""
LEAST_LEVEL, LARGEST_LEVEL = -0.05, 0.45
"""Below 0, a lower bound is 0: of amounts that lack on some days no quantile of the law is."""
SMALLEST_QUANTILE = 0.0005
ERROR_MEMORY = 0.998
PRIOR_ERRORS = 10.0
"""So many errors' worth of belief that the recent level says nothing, and that counts are
Poisson's."""
MAX_HORIZONS = 200

Numbers = Annotated[list[formats.Weight], Field(min_length=1, max_length=MAX_HORIZONS)]
Level = Annotated[float, Field(ge=LEAST_LEVEL, le=LARGEST_LEVEL)]
Levels = Annotated[list[Level], Field(min_length=1, max_length=MAX_HORIZONS)]


@with_config(formats.STRICT)
class ErrorsState(TypedDict):
    """The whole state."""

    sums: Annotated[list[Numbers], Field(min_length=7, max_length=7)]
    levels: Annotated[list[Levels], Field(min_length=2, max_length=2)]


class HorizonErrors:
    r"""Learns by horizon how far the recent level holds, how wide errors are, and how levels miss.

    Parameters
    ----------
    horizons
        How many.

    Attributes
    ----------
    noise, spread
        :math:`\varphi` and :math:`\psi` of the variance :math:`\varphi\mu + \psi\mu^2`, of shape
        (horizons,).
    """

    def __init__(self, horizons: int) -> None:
        # Of the slope (xy, xx), then of squared errors on the mean and its square (normal
        # equations: n, m, mm, e, em).
        self._sums: Array = np.zeros((7, horizons))
        self._levels: Array = np.full((2, horizons), MISS)
        self.noise, self.spread = self._dispersion()

    def means(self, base: Array, ratio: Array) -> Array:
        """Return forecasts of the nearest horizons.

        Parameters
        ----------
        base
            Forecasts by level and profile, of shape (n,), n at most ``horizons``.
        ratio
            By how much the last buckets were above that, of the same shape.
        """
        n = len(base)
        prior = PRIOR_ERRORS * self.noise[:n]
        slope = np.clip(self._sums[0, :n] / (self._sums[1, :n] + prior), 0.0, 1.0)
        return np.asarray(base * (1.0 + slope * (ratio - 1.0)))

    def interval(self, mean: Array) -> tuple[Array, Array]:
        """Return the bounds of 90 % intervals around forecasts of all horizons."""
        levels = np.maximum(self._levels, SMALLEST_QUANTILE)
        lower, upper = mid_interval(levels, mean, self._variances(mean))
        return np.where(self._levels[0] <= 0.0, 0.0, lower), upper

    def learn(self, count: float, base: Array, ratio: Array) -> None:
        """Learn from what came of a bucket, and what was said of it at the nearest horizons.

        Parameters
        ----------
        count
            What came.
        base, ratio
            As in ``means``.
        """
        n = len(base)
        mean = self.means(base, ratio)
        self._move_levels(count, mean)
        away, squares = base * (ratio - 1.0), (count - mean) ** 2
        share = mean / (1.0 + mean)
        weight = share / (1.0 + mean)
        news = [(count - base) * away / (1.0 + base), away * away / (1.0 + base)]
        news += [share**2, share**2 * mean, (share * mean) ** 2]
        news += [weight * squares, weight * mean * squares]
        self._sums[:, :n] = ERROR_MEMORY * self._sums[:, :n] + np.stack(news)
        self.noise, self.spread = self._dispersion()

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {"sums": self._sums.tolist(), "levels": self._levels.tolist()}

    @classmethod
    def restore(cls, state: ErrorsState, horizons: int) -> "HorizonErrors":
        """Rebuild it from its checked state.

        Raises
        ------
        ModelFormatError
            If it is of another number of horizons.
        """
        if {len(row) for row in (*state["sums"], *state["levels"])} != {horizons}:
            raise formats.ModelFormatError(
                f"inflow forecast is broken: its errors are not of {horizons} horizons; the former "
                "one stays in use"
            )
        errors = cls(horizons)
        errors._sums, errors._levels = np.array(state["sums"]), np.array(state["levels"])
        errors.noise, errors.spread = errors._dispersion()
        return errors

    def _move_levels(self, count: float, mean: Array) -> None:
        n = len(mean)
        variance = self._variances(mean)
        at_most = chance_at_most(np.full(n, count), mean, variance)
        fewer = chance_at_most(np.full(n, count - 1.0), mean, variance)
        chance = np.maximum(at_most - fewer, 1e-12)
        levels = self._levels[:, :n]
        below = np.clip((levels[0] - fewer) / chance, 0.0, 1.0)
        above = np.clip((at_most - 1.0 + levels[1]) / chance, 0.0, 1.0)
        moved = levels + LEVEL_STEP * (MISS - np.stack([below, above]))
        self._levels[:, :n] = np.clip(moved, LEAST_LEVEL, LARGEST_LEVEL)

    def _variances(self, mean: Array) -> Array:
        n = len(mean)
        return np.asarray(self.noise[:n] * mean + self.spread[:n] * mean * mean)

    def _dispersion(self) -> tuple[Array, Array]:
        """Return phi and psi: weighted least squares of squared errors on mean and its square."""
        n, m, mm, e, em = self._sums[2:]
        n, e = n + PRIOR_ERRORS, e + PRIOR_ERRORS
        scatter = np.maximum(n * mm - m * m, 1e-9)
        psi = np.maximum((n * em - m * e) / scatter, 0.0)
        phi = np.maximum((e - psi * m) / n, 1.0)
        # The variance is right on the whole, also where phi was raised to Poisson's.
        return phi, np.where(phi > 1.0, psi, np.maximum((e - n) / np.maximum(m, 1e-9), 0.0))
