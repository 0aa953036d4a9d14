"""How much more nurtured leads changed than others did: difference-in-differences."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from online_models.matching import ComparisonError

Array = NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST_LEADS = 30
PRE_TREND_P = 0.1
"""Below this the groups are said to have moved apart before; generous, as the test is weak."""


@dataclass(frozen=True, slots=True)
class Change:
    """How much more the nurtured changed than the others, with its 95 % interval."""

    effect: float
    low: float
    high: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class PeriodEffect:
    """The event study's coefficient of a period: change since the last one before nurturing.

    ``period`` counts from the first one after it, which is 0; the base, -1, is not there.
    """

    period: int
    change: Change


@dataclass(frozen=True, slots=True)
class DifferenceInDifferences:
    """The effect by comparing changes, the test of what it stands on, and warnings.

    Attributes
    ----------
    change
        What nurturing added to the mean outcome of a period.
    periods
        The event study. Coefficients before nurturing should be nothing but noise.
    pre_trend_p
        Chance of such coefficients before nurturing where the groups moved alike; None with one
        period before.
    means_before, means_after
        Mean outcome a period, of the nurtured and of the others.
    nurtured, not_nurtured
        Leads in each group.
    warnings
        In plain words why not to believe it.
    """

    change: Change
    periods: tuple[PeriodEffect, ...]
    pre_trend_p: float | None
    means_before: tuple[float, float]
    means_after: tuple[float, float]
    nurtured: int
    not_nurtured: int
    warnings: tuple[str, ...]

    @property
    def is_believable(self) -> bool:
        """Whether nothing warns."""
        return not self.warnings


def compare_changes(
    nurtured: ArrayLike, outcomes: ArrayLike, first_after: int
) -> DifferenceInDifferences:
    """Compare how two groups changed, from the periods before to those after.

    Each lead is seen in all periods, and all nurtured leads begin at the same one. Two-way fixed
    effects are then differences between leads' own changes (Wooldridge 2021), and errors clustered
    by lead the standard errors of two means with variances of their own: as each lead counts by
    one number, what happened to it in one period may hang together with any other (Bertrand,
    Duflo and Mullainathan 2004).

    Parameters
    ----------
    nurtured
        By lead, whether it was nurtured.
    outcomes
        Leads by periods.
    first_after
        The first period in which nurturing counts, from 0.

    Raises
    ------
    ComparisonError
        If a group has fewer than two leads, shapes do not fit, or a value is not finite.

    Examples
    --------
    Both groups gain 1, on levels of their own; the nurtured gain another 2.

    >>> others, nurtured = [[5, 5, 6], [4, 6, 6]], [[9, 9, 12], [8, 10, 12]]
    >>> report = compare_changes([0, 0, 1, 1], others + nurtured, first_after=2)
    >>> report.change.effect
    2.0
    """
    is_nurtured, y = _checked(nurtured, outcomes, first_after)
    before, after = y[:, :first_after].mean(axis=1), y[:, first_after:].mean(axis=1)
    change = _difference(after - before, is_nurtured)
    since = y - y[:, [first_after - 1]]
    periods = tuple(
        PeriodEffect(k - first_after, _difference(since[:, k], is_nurtured))
        for k in range(y.shape[1])
        if k != first_after - 1
    )
    pre_trend_p = _same_before(since[:, : first_after - 1], is_nurtured)
    counts = int(is_nurtured.sum()), int((~is_nurtured).sum())
    return DifferenceInDifferences(
        change=change,
        periods=periods,
        pre_trend_p=pre_trend_p,
        means_before=(float(before[is_nurtured].mean()), float(before[~is_nurtured].mean())),
        means_after=(float(after[is_nurtured].mean()), float(after[~is_nurtured].mean())),
        nurtured=counts[0],
        not_nurtured=counts[1],
        warnings=_warnings(change, periods, pre_trend_p, counts),
    )


def _difference(changes: Array, is_nurtured: NDArray[np.bool_]) -> Change:
    """Return the difference of two means, with Welch's interval."""
    one, other = changes[is_nurtured], changes[~is_nurtured]
    parts = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    variance = float(sum(parts))
    effect = float(one.mean() - other.mean())
    error = math.sqrt(variance)
    if error == 0.0:
        return Change(effect, effect, effect, 0.0)
    freedom = variance**2 / float(parts[0] ** 2 / (len(one) - 1) + parts[1] ** 2 / (len(other) - 1))
    reach = float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, freedom)) * error
    return Change(effect, effect - reach, effect + reach, error)


def _same_before(since: Array, is_nurtured: NDArray[np.bool_]) -> float | None:
    """Return the p-value of all changes before nurturing being equal in both groups (Wald)."""
    size = since.shape[1]
    if size == 0:
        return None
    one, other = since[is_nurtured], since[~is_nurtured]
    apart = one.mean(axis=0) - other.mean(axis=0)
    covariance = np.atleast_2d(np.cov(one, rowvar=False)) / len(one)
    covariance = covariance + np.atleast_2d(np.cov(other, rowvar=False)) / len(other)
    # Periods that never vary leave directions without any; the pseudo-inverse leaves those out.
    rank = int(np.linalg.matrix_rank(covariance))
    freedom = min(len(one), len(other)) - rank
    if rank == 0 or freedom < 1:
        return 1.0 if rank == 0 and not apart.any() else None
    statistic = float(apart @ np.linalg.pinv(covariance) @ apart)
    return float(stats.f.sf(statistic / rank, rank, freedom))


def _warnings(
    change: Change,
    periods: tuple[PeriodEffect, ...],
    pre_trend_p: float | None,
    counts: tuple[int, int],
) -> tuple[str, ...]:
    found = []
    if min(counts) < FEWEST_LEADS:
        found.append(
            f"Too few leads: {counts[0]:,} nurtured and {counts[1]:,} others; {FEWEST_LEADS} of "
            "each are needed."
        )
    before = [p.change for p in periods if p.period < 0]
    if pre_trend_p is None:
        found.append(
            "Whether both groups moved alike before cannot be tested; at least two periods before "
            "nurturing, and more leads than periods, are needed."
        )
    elif pre_trend_p < PRE_TREND_P:
        found.append(
            "The groups moved apart before anybody was nurtured "
            f"(p = {pre_trend_p:.3f}): what they did after says nothing. Do not believe the effect."
        )
    elif change.low > 0.0 or change.high < 0.0:
        drift = max((max(-c.low, c.high) for c in before), default=0.0)
        if drift > 2.0 * abs(change.effect):
            found.append(
                "Before nurturing the groups may have moved apart by more than twice the effect "
                "without the test noticing: it takes more leads to tell."
            )
    return tuple(found)


def _checked(
    nurtured: ArrayLike, outcomes: ArrayLike, first_after: int
) -> tuple[NDArray[np.bool_], Array]:
    is_nurtured, y = np.asarray(nurtured, dtype=bool), np.asarray(outcomes, dtype=np.float64)
    if y.ndim != 2 or is_nurtured.shape != y.shape[:1]:
        raise ComparisonError(f"outcomes are {y.shape} for {is_nurtured.size} leads")
    if not 0 < first_after < y.shape[1]:
        raise ComparisonError(
            f"first_after = {first_after}: of {y.shape[1]} periods at least one must come before "
            "it and one after"
        )
    if not np.isfinite(y).all():
        raise ComparisonError("a lead lacks a period; leave it out")
    if min(is_nurtured.sum(), (~is_nurtured).sum()) < 2:
        raise ComparisonError("a group has fewer than two leads: take a longer log")
    return is_nurtured, y
