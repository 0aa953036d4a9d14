"""How probable each action is to be the best, given what is known of each: computed, not sampled.

Thompson sampling chooses an action with this probability, and leadstream logs it: an estimate by
simulation would be noise in every weight by its inverse.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

LEVELS: Array = special.expit(np.linspace(-12.0, 12.0, 65))
"""Quantiles of each posterior at which all are compared: closer together towards the tails."""


@lru_cache(maxsize=256)
def best_of_betas(posteriors: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """Return the probability of each of several rates to be the highest, to about .0003.

    Parameters
    ----------
    posteriors
        The two parameters of each rate's beta distribution.

    Examples
    --------
    >>> [round(chance, 3) for chance in best_of_betas(((4.0, 1.0), (1.0, 1.0)))]
    [0.8, 0.2]
    """
    a, b = np.array(posteriors).T[:, :, None]
    grid = np.unique(special.betaincinv(a, b, LEVELS))
    return _chances(special.betainc(a, b, grid))


@lru_cache(maxsize=256)
def best_of_students(posteriors: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
    """Return the probability of each of several means to be the highest.

    Parameters
    ----------
    posteriors
        Degrees of freedom, centre and scale of each mean's Student distribution.

    Examples
    --------
    >>> [round(chance, 3) for chance in best_of_students(((5.0, 1.0, 2.0), (5.0, 1.0, 1.0)))]
    [0.5, 0.5]
    """
    freedom, centre, scale = np.array(posteriors).T[:, :, None]
    grid = np.unique(centre + scale * special.stdtrit(freedom, LEVELS))
    return _chances(special.stdtr(freedom, (grid - centre) / scale))


def _chances(below: Array) -> tuple[float, ...]:
    r"""Return the probability of each of several independent quantities to be the largest.

    It is :math:`\int \prod_{j \ne i} F_j \, dF_i` (Scott 2010, "A modern Bayesian look at the
    multi-armed bandit", equation 4), by the trapezoidal rule in :math:`F_i`. ``below`` has a row
    for each :math:`F`, at points where none of them rises much from one to the next.
    """
    ends = np.zeros((len(below), 1))
    f = np.hstack((ends, below, ends + 1.0))
    ones = np.ones((1, f.shape[1]))
    before = np.vstack((ones, np.cumprod(f[:-1], axis=0)))
    after = np.vstack((np.cumprod(f[:0:-1], axis=0)[::-1], ones))
    others = before * after
    chances = (np.diff(f, axis=1) * (others[:, 1:] + others[:, :-1])).sum(axis=1)
    return tuple((chances / chances.sum()).tolist())
