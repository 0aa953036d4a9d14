"""How far off a lead's log-odds may be, by a few numbers an input instead of all covariances."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEMORY = 500.0
"""Examples after which one counts half in the scale."""


class Uncertainty:
    r"""What of a Bayesian linear model's variance a scorer can carry.

    The exact variance :math:`x^T \Sigma x` needs all of :math:`\Sigma`, which is too much to
    publish every second. Told against the average lead, :math:`\sum_i \Sigma_{ii} (x_i - \mu_i)^2`
    follows it closely but is too wide, since inputs that come together are known together. By how
    much is learned: the learner knows the exact one of each example before it learns it. So what is
    served is right on average, and wide where a lead shows what has hardly been seen.
    """

    def __init__(self) -> None:
        self._keeps = 2.0 ** (-1.0 / MEMORY)
        self._exact = 0.0
        self._apart = 0.0
        self._count = 0
        self._sums: Array = np.zeros(32)

    def learn_one(
        self, numbers: Sequence[int], values: Array, variances: Array, exact: float
    ) -> None:
        """Take in an example's inputs, the variances of all weights, and its exact variance."""
        if len(self._sums) < len(variances):
            sums = np.zeros(2 * len(variances))
            sums[: len(self._sums)] = self._sums
            self._sums = sums
        self._sums[numbers] += values
        self._count += 1
        means = self._sums[: len(variances)] / self._count
        means[0] = 0.0  # the intercept's own variance is part of the exact one
        distance = -means
        distance[numbers] += values
        self._exact = self._exact * self._keeps + exact
        self._apart = self._apart * self._keeps + float((variances * distance * distance).sum())

    @property
    def _scale(self) -> float:
        return self._exact / self._apart if self._apart else 1.0

    def snapshot(
        self,
        names: Mapping[str, int],
        variances: Array,
        alone: Mapping[str, float],
        knots: Mapping[str, Mapping[str, int]],
        slope: float,
        prior_variance: float,
    ) -> dict[str, Any]:
        """Return what a scorer needs, for log-odds stretched by ``slope``.

        ``lacking``: the variance of a lead without any input. ``plain``: input -> [variance, twice
        its mean]: a value ``x`` adds ``variance * x * (x - twice)``. ``curves``: number -> what
        each knot adds, from the first to the last. ``unknown``: the variance of an input never
        seen.
        """
        scale = self._scale * slope * slope
        means = self._sums[: len(variances)] / max(1, self._count)
        means[0] = 0.0
        rows = {
            name: (scale * float(variances[number]), 2.0 * float(means[number]))
            for name, number in names.items()
        }
        rows |= {name: (scale * variance, 0.0) for name, variance in alone.items()}
        on_axes = {name for by_name in knots.values() for name in by_name}
        unknown = prior_variance * slope * slope
        curves = {}
        for feature, by_name in knots.items():
            adds = {k: rows[name][0] * (1.0 - rows[name][1]) for name, k in by_name.items()}
            first, last = min(adds), max(adds)
            curves[feature] = [_short(adds.get(k, unknown)) for k in range(first, last + 1)]
        return {
            "lacking": _short(scale * float((variances * means * means).sum())),
            "plain": {
                name: [_short(variance), _short(twice)]
                for name, (variance, twice) in rows.items()
                if name and name not in on_axes
            },
            "curves": curves,
            "unknown": _short(unknown),
        }

    def checkpoint(self, size: int) -> list[Any]:
        """Return the whole state, for so many inputs."""
        sums = np.zeros(size)
        known = min(size, len(self._sums))
        sums[:known] = self._sums[:known]
        return [self._exact, self._apart, sums.tolist(), self._count]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a checkpoint."""
        self._exact, self._apart, sums, self._count = state
        self._sums = np.array(sums, dtype=float)


def _short(value: float) -> float:
    """Return a number as a few digits: an interval needs no more."""
    return float(f"{value:.4g}")
