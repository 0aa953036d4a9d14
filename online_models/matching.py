"""Nurtured leads against the most similar ones that were not: propensity score matching."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from online_models.batch_logistic import fit_logistic
from online_models.hidden_causes import e_value, risk_ratio
from online_models.intervals import quantile
from online_models.matching_warnings import LARGEST_IMBALANCE, matching_warnings

Array = NDArray[np.float64]

CONFIDENCE = 0.95
CALIPER_SD = 0.2
"""Austin 2011: of the logit's standard deviations; what is farther away is no match."""
WEIGHT_VARIANCE = 1.0
"""Prior of the propensity's weights, covariates standardised: it keeps them finite."""
INTERCEPT_VARIANCE = 1e6
SAME_LOGIT_DECIMALS = 9


class ComparisonError(ValueError):
    """Two groups cannot be compared; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Balance:
    """A covariate's standardised mean difference, nurtured less not nurtured."""

    covariate: str
    before: float
    after: float

    @property
    def is_balanced(self) -> bool:
        """Whether what is left after matching is small enough."""
        return abs(self.after) <= LARGEST_IMBALANCE


@dataclass(frozen=True, slots=True)
class MatchedComparison:
    """The effect on the nurtured leads that have a match, and whether to believe it.

    Attributes
    ----------
    effect, low, high, standard_error
        What nurturing added to the mean outcome of those that were nurtured, and the 95 %
        interval.
    nurtured_mean, matched_mean
        Mean outcomes of the matched nurtured leads, and of their matches.
    naive_difference
        Of all nurtured against all others, as if they were alike.
    nurtured, not_nurtured, matched, matches
        Leads in each group; nurtured ones with a match; how many leads those matches are.
    effective_matches
        As how many matches, used once each, they count (Kish 1965).
    e_value, e_value_limit
        ``online_models.hidden_causes``: of the effect, and of the interval's end nearest to none.
    warnings
        In plain words why not to believe it; none if there is no such reason that can be seen.
    """

    effect: float
    low: float
    high: float
    standard_error: float
    nurtured_mean: float
    matched_mean: float
    naive_difference: float
    nurtured: int
    not_nurtured: int
    matched: int
    matches: int
    effective_matches: float
    balance: tuple[Balance, ...]
    e_value: float
    e_value_limit: float
    warnings: tuple[str, ...]

    @property
    def share_matched(self) -> float:
        """The share of nurtured leads that have a match."""
        return self.matched / self.nurtured

    @property
    def is_believable(self) -> bool:
        """Whether nothing warns."""
        return not self.warnings


def compare_matched(
    nurtured: ArrayLike,
    outcomes: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    caliper_sd: float = CALIPER_SD,
) -> MatchedComparison:
    """Compare each nurtured lead with the nearest ones that were not (Rosenbaum and Rubin 1985).

    Nearest by the logit of the propensity to be nurtured, within a caliper, with replacement; of
    equally near ones the mean. The standard error is Abadie and Imbens' (2006, theorem 7, with
    ties as in Abadie et al. 2004): a bootstrap is not valid for nearest neighbours (2008). It takes
    the propensity for known. Estimating it mostly narrows the truth, not always (2016).

    Parameters
    ----------
    nurtured
        By lead, whether it was nurtured.
    outcomes
        By lead: 0 or 1, or any number.
    covariates
        By name, a number for each lead, as of the time that was decided on it.
    caliper_sd
        How far a match may be off, in standard deviations of the logit.

    Raises
    ------
    ComparisonError
        If a group is empty, lengths differ, a value is not finite, or nobody has a match.

    Examples
    --------
    Large companies are nurtured more often and buy more often; nurturing does nothing.

    >>> rng = np.random.default_rng(1)
    >>> is_large = rng.random(4_000) < 0.5
    >>> nurtured = rng.random(4_000) < np.where(is_large, 0.7, 0.3)
    >>> won = rng.random(4_000) < np.where(is_large, 0.4, 0.1)
    >>> report = compare_matched(nurtured, won, {"is_large": is_large})
    >>> round(report.naive_difference, 2), round(report.effect, 2), report.warnings
    (0.12, -0.0, ())
    """
    is_nurtured, y, names, x = _checked(nurtured, outcomes, covariates)
    logit = propensity_logits(x, is_nurtured)
    caliper = caliper_sd * float(logit.std())
    groups = _Groups(logit[~is_nurtured], y[~is_nurtured])
    group, is_matched = groups.nearest(logit[is_nurtured], caliper)
    if not is_matched.any():
        raise ComparisonError(
            "no nurtured lead is like any that was not nurtured: there is nothing to compare; "
            "hold back some leads at random"
        )
    group = group[is_matched]
    uses, squared_uses = groups.uses(group)
    apart = y[is_nurtured][is_matched] - groups.means[group]
    effect = float(apart.mean())
    variance = float(
        (((apart - effect) ** 2).sum() + ((uses**2 - squared_uses) * groups.noise()).sum())
        / len(apart) ** 2
    )
    error = math.sqrt(max(variance, 0.0))
    reach = quantile(CONFIDENCE) * error
    nurtured_mean = float(y[is_nurtured][is_matched].mean())
    matched_mean = nurtured_mean - effect
    is_share = bool(np.isin(y, (0.0, 1.0)).all())
    nearest_none = max(effect - reach, 0.0) + min(effect + reach, 0.0)
    e_values = [
        e_value(risk_ratio(matched_mean, of, float(y.std()), is_share=is_share))
        for of in (effect, nearest_none)
    ]
    balance = _balance(names, x, is_nurtured, is_matched, uses)
    matches, effective = int((uses > 0).sum()), float(uses.sum() ** 2 / (uses**2).sum())
    return MatchedComparison(
        effect=effect,
        low=effect - reach,
        high=effect + reach,
        standard_error=error,
        nurtured_mean=nurtured_mean,
        matched_mean=matched_mean,
        naive_difference=float(y[is_nurtured].mean() - y[~is_nurtured].mean()),
        nurtured=int(is_nurtured.sum()),
        not_nurtured=int((~is_nurtured).sum()),
        matched=len(apart),
        matches=matches,
        effective_matches=effective,
        balance=balance,
        e_value=e_values[0],
        e_value_limit=e_values[1],
        warnings=matching_warnings(
            share_matched=len(apart) / int(is_nurtured.sum()),
            matched=len(apart),
            effective_matches=effective,
            rarer=_rarer(y[is_nurtured][is_matched], y[~is_nurtured][uses > 0])
            if is_share
            else None,
            imbalances={b.covariate: b.after for b in balance},
            e_value_limit=e_values[1] if nearest_none else None,
        ),
    )


def propensity_logits(x: Array, is_nurtured: NDArray[np.bool_]) -> Array:
    """Return each lead's log-odds of being nurtured, by its covariates."""
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    inputs = np.column_stack([np.ones(len(x)), scaled])
    variance = np.full(inputs.shape[1], WEIGHT_VARIANCE)
    variance[0] = INTERCEPT_VARIANCE
    fit = fit_logistic(inputs, is_nurtured.astype(np.float64), np.zeros(len(variance)), variance)
    logits: Array = inputs @ fit.weights
    return logits


class _Groups:
    """Leads that were not nurtured, in groups of equal logits."""

    def __init__(self, logits: Array, outcomes: Array) -> None:
        self._outcomes = outcomes
        self._order = np.argsort(logits, kind="stable")
        # Equal covariates give logits that are equal but for rounding.
        rounded = logits.round(SAME_LOGIT_DECIMALS)
        self._logits, self._group, self._sizes = np.unique(
            rounded, return_inverse=True, return_counts=True
        )
        self.means = np.bincount(self._group, outcomes) / self._sizes

    def nearest(self, logits: Array, caliper: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the nearest group of each logit, and whether it is within the caliper."""
        last = len(self._logits) - 1
        above = np.clip(np.searchsorted(self._logits, logits), 0, last)
        below = np.clip(above - 1, 0, last)
        is_below = np.abs(logits - self._logits[below]) <= np.abs(self._logits[above] - logits)
        group = np.where(is_below, below, above)
        return group, np.abs(self._logits[group] - logits) <= caliper + 10**-SAME_LOGIT_DECIMALS

    def uses(self, matched: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return as how many matches each lead served, and the sum of its squared shares."""
        times = np.bincount(matched, minlength=len(self._sizes))
        return (times / self._sizes)[self._group], (times / self._sizes**2)[self._group]

    def noise(self) -> Array:
        """Return each outcome's variance, by how far it is from its two neighbours'."""
        y = self._outcomes[self._order]
        if len(y) < 3:
            return np.full(len(y), 0.25)
        left, right = np.roll(y, 1), np.roll(y, -1)
        left[0], right[-1] = y[2], y[-3]
        result: Array = np.empty(len(y))
        result[self._order] = (y - (left + right) / 2.0) ** 2 * 2.0 / 3.0
        return result


def _balance(
    names: Sequence[str],
    x: Array,
    is_nurtured: NDArray[np.bool_],
    is_matched: NDArray[np.bool_],
    uses: Array,
) -> tuple[Balance, ...]:
    one, other = x[is_nurtured], x[~is_nurtured]
    spread = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2.0)
    spread = np.where(spread > 0.0, spread, 1.0)
    before = (one.mean(axis=0) - other.mean(axis=0)) / spread
    matched = np.average(other, axis=0, weights=uses)
    after = (one[is_matched].mean(axis=0) - matched) / spread
    return tuple(
        Balance(name, float(b), float(a)) for name, b, a in zip(names, before, after, strict=True)
    )


def _rarer(one: Array, other: Array) -> int:
    """Return how many outcomes there are of the kind and group that has the fewest."""
    return int(min(one.sum(), other.sum(), (1.0 - one).sum(), (1.0 - other).sum()))


def _checked(
    nurtured: ArrayLike, outcomes: ArrayLike, covariates: Mapping[str, ArrayLike]
) -> tuple[NDArray[np.bool_], Array, list[str], Array]:
    is_nurtured = np.asarray(nurtured, dtype=bool)
    y = np.asarray(outcomes, dtype=np.float64)
    columns = {name: np.asarray(of, dtype=np.float64) for name, of in covariates.items()}
    for name, column in {"outcomes": y, **columns}.items():
        if column.shape != is_nurtured.shape:
            raise ComparisonError(f"{name} has {column.size} values for {is_nurtured.size} leads")
        if not np.isfinite(column).all():
            raise ComparisonError(f"{name} has a value that is not finite; leave that lead out")
    if not is_nurtured.any() or is_nurtured.all():
        which = "not nurtured" if is_nurtured.any() else "nurtured"
        raise ComparisonError(f"there is no {which} lead to compare; take a longer log")
    x = np.column_stack([*columns.values(), np.zeros((len(y), 0))])
    return is_nurtured, y, list(columns), x
