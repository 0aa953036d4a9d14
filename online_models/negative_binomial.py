"""Counts that vary more than Poisson's: chances and quantiles of the negative binomial law."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
LEAST_EXCESS = 1e-6
"""The variance is taken as above the mean by this share at least; less is Poisson's law."""
LEAST_MEAN = 1e-12


def chance_at_most(count: Array, mean: Array, variance: Array) -> Array:
    r"""Return the chance of a count of at most so many.

    It is :math:`I_p(r, k + 1)` with :math:`r = \mu^2 / (v - \mu)` and :math:`p = \mu / v`
    (Johnson, Kemp and Kotz 2005, "Univariate Discrete Distributions", chapter 5).

    Parameters
    ----------
    count
        Whole numbers of any shape; 0 is returned of those below 0.
    mean, variance
        Of the counts, of a shape that goes with it. A variance that is not above the mean is
        taken as just above it.

    Examples
    --------
    >>> chance_at_most(np.array([-1.0, 0.0, 2.0]), np.array(2.0), np.array(2.0)).round(3).tolist()
    [0.0, 0.135, 0.677]
    """
    mu = np.maximum(mean, LEAST_MEAN)
    v = np.maximum(variance, mu * (1.0 + LEAST_EXCESS))
    below: Array = special.betainc(mu * mu / (v - mu), np.maximum(count, 0.0) + 1.0, mu / v)
    return np.where(count < 0.0, 0.0, below)


def quantiles(level: Array, mean: Array, variance: Array) -> Array:
    """Return the least counts that are not exceeded with the given chance at least.

    Parameters
    ----------
    level
        The chances, above 0 and below 1.
    mean, variance
        As in ``chance_at_most``; the shapes are equal.

    Examples
    --------
    >>> quantiles(np.array([0.05, 0.95]), np.full(2, 9.0), np.full(2, 18.0)).tolist()
    [3.0, 17.0]
    """
    below = np.full(level.shape, -1.0)
    enough = np.ceil(mean + np.sqrt(np.maximum(variance, mean)) + 1.0)
    while np.any(short := chance_at_most(enough, mean, variance) < level):
        below, enough = np.where(short, enough, below), np.where(short, 2.0 * enough, enough)
    while np.any(enough - below > 1.0):
        middle = np.floor(0.5 * (below + enough))
        short = chance_at_most(middle, mean, variance) < level
        below, enough = np.where(short, middle, below), np.where(short, enough, middle)
    return enough


def mid_interval(levels: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return the bounds of intervals that hold as much as was asked for, as near as counts can.

    A count that only a part of its chance would take to the wanted level is in if that part is
    more than half: intervals by mid-P (Lancaster 1961, "Significance tests in discrete
    distributions"). Without that, intervals of small counts hold far more than was asked for.

    Parameters
    ----------
    levels
        Chances to leave out below and above, of shape (2, n).
    mean, variance
        As in ``chance_at_most``, of shape (n,).

    Returns
    -------
    lower, upper
        Both are within the interval.

    Examples
    --------
    >>> lower, upper = mid_interval(np.full((2, 1), 0.05), np.full(1, 9.0), np.full(1, 9.0))
    >>> lower.tolist(), upper.tolist()
    ([5.0], [14.0])
    """
    wanted = np.concatenate([levels[0], 1.0 - levels[1]])
    mean, variance = np.tile(mean, 2), np.tile(variance, 2)
    bound = quantiles(wanted, mean, variance)
    middle = 0.5 * chance_at_most(bound, mean, variance)
    middle += 0.5 * chance_at_most(bound - 1.0, mean, variance)
    lower, upper = np.split(bound, 2)
    too_low, too_high = np.split(np.stack([middle < wanted, middle > wanted]), 2, axis=1)
    upper = np.maximum(lower, upper - too_high[1])
    # One count may be too much for either end: then it is all of the interval.
    return np.minimum(lower + too_low[0], upper), upper
