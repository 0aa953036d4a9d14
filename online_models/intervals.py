"""Confidence intervals of shares, and of how far two figures are apart: honest of few rows too."""

import math
from statistics import NormalDist
from typing import NamedTuple


class Figure(NamedTuple):
    """A value, its confidence interval, and how many rows it is of."""

    value: float
    low: float
    high: float
    rows: int


def quantile(confidence: float, of: int = 1) -> float:
    """Return how many standard errors an interval reaches to either side.

    Parameters
    ----------
    confidence
        Chance that it holds the truth.
    of
        How many intervals are to hold it at once (Bonferroni).

    Examples
    --------
    >>> round(quantile(0.95), 2), round(quantile(0.95, of=10), 2)
    (1.96, 2.81)
    """
    return NormalDist().inv_cdf(1.0 - (1.0 - confidence) / (2.0 * of))


def wilson(share: float, count: float, z: float) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927).

    Parameters
    ----------
    share, count
        The share observed, and of how many independent rows.
    z
        Standard errors to either side.

    Examples
    --------
    >>> low, high = wilson(0.0, 10, 1.96)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    scale = 1.0 + z * z / count
    centre = (share + z * z / (2.0 * count)) / scale
    half = z / scale * math.sqrt(share * (1.0 - share) / count + (z / (2.0 * count)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(one: Figure, other: Figure) -> tuple[float, float, float]:
    """Return how much larger one figure is than another, and the interval of that.

    The interval is put together from the two figures' own (MOVER, Zou and Donner 2008), which for
    shares is Newcombe's hybrid score interval (1998, method 10; the example is his).

    Examples
    --------
    >>> one, other = (Figure(s, *wilson(s, n, 1.96), n) for s, n in ((56 / 70, 70), (48 / 80, 80)))
    >>> [round(figure, 4) for figure in difference(one, other)]
    [0.2, 0.0524, 0.3339]
    """
    apart = one.value - other.value
    return (
        apart,
        apart - math.hypot(one.value - one.low, other.high - other.value),
        apart + math.hypot(one.high - one.value, other.value - other.low),
    )
