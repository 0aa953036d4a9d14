"""Points of a scorecard, fitted anew from outcomes and shrunk towards the present points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from online_models.batch_logistic import LogisticFit, fit_logistic, log_losses
from online_models.intervals import quantile

Array = NDArray[np.float64]

CONFIDENCE = 0.95
SIGN_CONFIDENCE = 0.999
"""That a rule says the contrary of what people thought takes strong evidence."""
FEWEST_LEADS = 50
FEWEST_EXPECTED = 5.0
"""Of the rarer outcome, among the leads that met a rule, were the rule worth nothing."""
WORTHLESS_P = 0.001
FOLDS = 5
INTERCEPT_VARIANCE = 1e6
FLAT_DOUBLINGS = 10.0
"""A prior as wide as this many doublings of the odds says next to nothing."""


@dataclass(frozen=True, slots=True)
class RefittedRule:
    """A rule's points and the evidence.

    Attributes
    ----------
    present, proposed
        Points now, and whole points that outcomes speak for; equal where nothing is to change.
    fitted, low, high
        What the outcomes and the present points say together, with the 95 % interval; None where
        the rule was not fitted.
    leads, won
        How many leads the rule applied to, and how many of them won.
    kept
        Why the points stay, in plain words; empty where they change.
    """

    name: str
    present: float
    proposed: float
    fitted: float | None
    low: float | None
    high: float | None
    leads: int
    won: int
    kept: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All rules after a refit, and why none changes, where that concerns all of them.

    ``gain`` is how much lower the log loss of leads not fitted on was, in nats a lead.
    """

    rules: tuple[RefittedRule, ...]
    leads: int
    won: int
    gain: float | None
    refused: str


def refit_points(
    units: Array,
    won: Sequence[bool],
    names: Sequence[str],
    present: Sequence[float],
    points_to_double_odds: float,
) -> Scorecard:
    r"""Fit points to outcomes by logistic regression with a normal prior at the present points.

    A rule's points times how far it applies (``units``: 1 for once, less after some decay) add up
    to log-odds, :math:`\ln 2` each ``points_to_double_odds``. The prior's standard deviation is
    that many points: experience is off by a factor of two in the odds as a rule. A rule changes
    only if

    - it applied to enough leads,
    - the outcomes alone contradict its present points (likelihood ratio against keeping them,
      5 % for all rules together, Bonferroni),
    - the rules together tell something of the outcomes at all (likelihood ratio against none of
      them): where they do not, outcomes and events of the log hardly belong together,
    - and leads that were not fitted on are surely better predicted (five folds, one-sided 95 %).

    Points change their sign only if the 99.9 % interval lies on the other side; else they stop at
    one point.

    Parameters
    ----------
    units
        Leads by rules.
    won
        By lead.
    names, present
        Of each rule.
    points_to_double_odds
        How points become log-odds.

    Examples
    --------
    The rule says 20 points, which would double the odds; they are eight times as high.

    >>> rng = np.random.default_rng(0)
    >>> met = rng.random(4_000) < 0.5
    >>> won = rng.random(4_000) < np.where(met, 8 / 18, 1 / 11)
    >>> card = refit_points(met[:, None] * 1.0, list(won), ["demo"], [20.0], 20.0)
    >>> 50 < card.rules[0].proposed < 65
    True
    """
    fitting = _Fitting(units, won, present, points_to_double_odds)
    free = fitting.enough()
    refused, gain = _refusal(fitting, free)
    fit = fitting.fit(free)
    far = fitting.contradicted(free)
    final = fitting.fit(far)
    rules = []
    for j, name in enumerate(names):
        rule = fitting.rule(j, name, free, fit)
        if refused or rule.kept:
            rules.append(_with(rule, kept=rule.kept or refused))
        elif not far[j]:
            rules.append(_with(rule, kept="the outcomes agree with the present points"))
        else:
            place = 1 + int(far[:j].sum())
            rules.append(_decided(rule, float(final.weights[place]), float(_errors(final)[place])))
    return Scorecard(tuple(rules), len(fitting.y), int(fitting.y.sum()), gain, refused)


class _Fitting:
    """Leads, outcomes and the present points; weights are in points."""

    def __init__(
        self, units: Array, won: Sequence[bool], present: Sequence[float], to_double: float
    ) -> None:
        self.y = np.asarray(won, dtype=np.float64)
        self.present = np.asarray(present, dtype=np.float64)
        self._met = units != 0.0
        self._inputs = units * (math.log(2.0) / to_double)
        self._variance = to_double**2
        self._flat = (FLAT_DOUBLINGS * to_double) ** 2

    def enough(self) -> NDArray[np.bool_]:
        """Tell which rules applied to enough leads to be fitted."""
        share = float(self.y.mean()) if len(self.y) else 0.0
        leads = self._met.sum(axis=0)
        rarer = leads * min(share, 1.0 - share)
        result: NDArray[np.bool_] = (
            (leads >= FEWEST_LEADS) & (rarer >= FEWEST_EXPECTED) & (self.present != 0.0)
        )
        return result

    def fit(self, free: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None) -> LogisticFit:
        """Fit the intercept and free rules, the others at their present points."""
        chosen = slice(None) if rows is None else rows
        inputs = self._inputs[chosen]
        return fit_logistic(
            _with_ones(inputs[:, free]),
            self.y[chosen],
            np.concatenate([[0.0], self.present[free]]),
            np.concatenate([[INTERCEPT_VARIANCE], np.full(int(free.sum()), self._variance)]),
            inputs[:, ~free] @ self.present[~free],
        )

    def losses(self, fit: LogisticFit, free: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Array:
        """Return the log losses of leads by a fit."""
        inputs = self._inputs[rows]
        given = inputs[:, ~free] @ self.present[~free]
        return log_losses(self.y[rows], given + _with_ones(inputs[:, free]) @ fit.weights)

    def worthless_p(self, free: NDArray[np.bool_]) -> float:
        """Return the chance of such outcomes if no free rule were worth anything."""
        inputs = self._inputs[:, free]
        nothing = np.zeros(len(self.y))
        apart = self._least_loss(inputs[:, :0], nothing) - self._least_loss(inputs, nothing)
        return float(stats.chi2.sf(2.0 * max(0.0, apart), int(free.sum())))

    def contradicted(self, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which rules' present points the outcomes alone contradict."""
        result = np.zeros_like(free)
        fixed = self._inputs[:, ~free] @ self.present[~free]
        least = self._least_loss(self._inputs[:, free], fixed)
        for j in np.flatnonzero(free):
            others = free.copy()
            others[j] = False
            kept = fixed + self._inputs[:, j] * self.present[j]
            apart = self._least_loss(self._inputs[:, others], kept) - least
            p = float(stats.chi2.sf(2.0 * max(0.0, apart), 1))
            result[j] = p < (1.0 - CONFIDENCE) / int(free.sum())
        return result

    def _least_loss(self, inputs: Array, given: Array) -> float:
        """Return the log loss of the likeliest weights, next to no prior in the way."""
        ones = _with_ones(inputs)
        variance = np.full(ones.shape[1], self._flat)
        variance[0] = INTERCEPT_VARIANCE
        fit = fit_logistic(ones, self.y, np.zeros(len(variance)), variance, given)
        return float(log_losses(self.y, given + ones @ fit.weights).sum())

    def gains(self, free: NDArray[np.bool_]) -> Array:
        """Return by lead how much lower its log loss is by points that it had no part in."""
        fold = np.arange(len(self.y)) % FOLDS
        none = np.zeros_like(free)
        gains = np.zeros(len(self.y))
        for k in range(FOLDS):
            held, others = fold == k, fold != k
            present = self.losses(self.fit(none, others), none, held)
            gains[held] = present - self.losses(self.fit(free, others), free, held)
        return gains

    def rule(self, j: int, name: str, free: NDArray[np.bool_], fit: LogisticFit) -> RefittedRule:
        """Return a rule as it is, with its evidence."""
        leads, present = int(self._met[:, j].sum()), float(self.present[j])
        won = int(self.y[self._met[:, j]].sum())
        if not free[j]:
            kept = (
                "it has 0 points, so nothing shows how far it applied; give it 1"
                if present == 0.0
                else f"too few outcomes: it applied to {leads:,} leads, {won:,} of them won"
            )
            return RefittedRule(name, present, present, None, None, None, leads, won, kept)
        place = 1 + int(free[:j].sum())
        value, error = float(fit.weights[place]), float(_errors(fit)[place])
        reach = quantile(CONFIDENCE) * error
        return RefittedRule(
            name, present, present, value, value - reach, value + reach, leads, won, ""
        )


def _refusal(fitting: _Fitting, free: NDArray[np.bool_]) -> tuple[str, float | None]:
    """Return why no rule may change, empty if they may, and the gain on leads not fitted on."""
    if not free.any():
        return "no rule applied to enough leads with a known outcome; take a longer log", None
    if fitting.worthless_p(free) > WORTHLESS_P:
        return (
            "in this log the rules together say nothing of who wins; before points are lowered "
            "for that, make sure that outcomes and events belong together"
        ), None
    gains = fitting.gains(free)
    gain = float(gains.mean())
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    if gain <= quantile(0.9) * error:  # both tails of 5 %, of which one counts
        return "leads that were not fitted on would not surely be better predicted", gain
    return "", gain


def _decided(rule: RefittedRule, value: float, error: float) -> RefittedRule:
    """Propose points for a rule that outcomes disagree with."""
    sign = math.copysign(1.0, rule.present)
    proposed = float(round(value))
    reach = quantile(CONFIDENCE) * error
    kept = ""
    if proposed * sign < 1.0:
        surely = value * sign + quantile(SIGN_CONFIDENCE) * error < 0.0
        if not surely or proposed == 0.0:
            proposed = sign
    if proposed == rule.present:
        kept = "the outcomes agree with the present points"
    return RefittedRule(
        rule.name, rule.present, proposed, value, value - reach, value + reach,
        rule.leads, rule.won, kept,
    )  # fmt: skip


def _with(rule: RefittedRule, kept: str) -> RefittedRule:
    return RefittedRule(
        rule.name, rule.present, rule.present, rule.fitted, rule.low, rule.high,
        rule.leads, rule.won, kept,
    )  # fmt: skip


def _errors(fit: LogisticFit) -> Array:
    result: Array = np.sqrt(np.diag(fit.covariance))
    return result


def _with_ones(inputs: Array) -> Array:
    return np.column_stack([np.ones(len(inputs)), inputs])
