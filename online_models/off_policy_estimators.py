"""A policy's value from another's log: four estimators, each with its confidence interval."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from online_models.intervals import quantile
from online_models.logged_decisions import Array, CheckedLog
from online_models.reward_models import RewardModel

FOLDS = 10
CONFIDENCE = 0.95
LEAST_SKEWNESS = 1e-6
RESAMPLES = 999
PLANNED = 1_000
"""Decisions at which the bound that may be looked at at any time is tightest."""


class Estimate(NamedTuple):
    """Reward per decision, its confidence interval and standard error."""

    value: float
    low: float
    high: float
    standard_error: float


def inverse_propensity(log: CheckedLog) -> Estimate:
    r"""Estimate by weighting each reward: :math:`\frac{1}{n} \sum w_i r_i`, unbiased.

    A few large weights make it lopsided, so its interval is corrected for skewness.

    References
    ----------
    Horvitz and Thompson 1952, A generalization of sampling without replacement.
    """
    return skewed_mean(log.weights * log.rewards)


def self_normalised(log: CheckedLog, seed: int) -> Estimate:
    r"""Estimate by the weighted mean :math:`\sum w_i r_i / \sum w_i`.

    It never leaves the range of the rewards, at the price of a bias that fades with the log's
    length. The standard error is that of the delta method. As a few large weights move both sums,
    the interval is the bootstrap's of the estimate over its standard error (bootstrap-t), drawn by
    ``seed``. A log in which the policy would never have done the same has no such mean: NaN.

    References
    ----------
    Swaminathan and Joachims 2015, The self-normalized estimator for counterfactual learning.
    Hall 1988, Theoretical comparison of bootstrap confidence intervals (Annals of Statistics 16).
    """
    weights, rewards, count = log.weights, log.rewards, len(log.rewards)
    sums = np.column_stack([weights, weights * rewards, *_squares(weights, rewards)])
    value, error = (float(figure[0]) for figure in _ratio(sums.sum(axis=0, keepdims=True), count))
    if math.isnan(value):
        return Estimate(math.nan, math.nan, math.nan, math.nan)
    generator = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, sums.shape[1]))
    for row in drawn:
        row[:] = np.bincount(generator.integers(count, size=count), minlength=count) @ sums
    values, errors = _ratio(drawn, count)
    known = errors > 0.0
    if not known.any():
        return Estimate(value, value, value, error)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile((values[known] - value) / errors[known], [1.0 - tail, tail])
    return Estimate(value, value - float(low) * error, value - float(high) * error, error)


def _squares(weights: Array, rewards: Array) -> Array:
    return weights**2 * rewards ** np.arange(3)[:, None]


def _ratio(sums: Array, count: int) -> tuple[Array, Array]:
    """Return weighted means of ``count`` rewards, and their standard errors, by rows of sums."""
    total, weighted, squares, once, twice = np.where(sums[:, :1] > 0.0, sums, math.nan).T
    value = weighted / total
    spread = np.maximum(0.0, twice - 2.0 * value * once + value**2 * squares)
    return value, np.sqrt(spread * count / (count - 1.0)) / total


class CrossFitted(NamedTuple):
    """Predictions of models each of which did not learn from one fold.

    ``predicted`` has a decision's reward by action from the model that did not see it;
    ``without`` has the direct estimate from all but each fold: of model and decisions.
    """

    predicted: Array
    without: Array


def cross_fit(log: CheckedLog, model: RewardModel, seed: int) -> CrossFitted:
    """Predict each decision's rewards by a model that learned from the other folds only.

    References
    ----------
    Chernozhukov et al. 2018, Double/debiased machine learning, definition 3.2.
    """
    count = len(log.rewards)
    fold = np.random.default_rng(seed).permutation(count) % FOLDS
    predict = model(log)
    predicted = np.empty_like(log.target)
    without = np.empty(FOLDS)
    for number in range(FOLDS):
        # In the log's order: online models learn in it.
        others = np.flatnonzero(fold != number)
        by_action = predict(others)
        held_out = fold == number
        predicted[held_out] = by_action[held_out]
        without[number] = (log.target[others] * by_action[others]).sum() / len(others)
    return CrossFitted(predicted, without)


def direct_method(fitted: CrossFitted) -> Estimate:
    """Estimate by what a model of the reward predicts of the policy's actions.

    The interval is the jackknife's over folds, so it knows how unsure the model is, but not how
    wrong: where the model cannot follow the rewards, it is too narrow.

    References
    ----------
    Kott 2001, The delete-a-group jackknife.
    """
    without = fitted.without
    value = float(without.mean())
    squares = float(((without - value) ** 2).sum())
    error = math.sqrt((FOLDS - 1) / FOLDS * squares)
    return _around(value, error, float(stdtrit(FOLDS - 1, (1.0 + CONFIDENCE) / 2.0)))


def doubly_robust(log: CheckedLog, fitted: CrossFitted) -> Estimate:
    """Estimate by the model's predictions, corrected by weighting what they missed.

    Right if either the logged probabilities or the model are; with right probabilities a good
    model makes the interval narrow, and a bad one does not make it wrong.

    References
    ----------
    Dudík, Langford and Li 2011, Doubly robust policy evaluation and learning, equation 1.
    """
    return mean(doubly_robust_rewards(log, fitted))


def doubly_robust_rewards(log: CheckedLog, fitted: CrossFitted) -> Array:
    """Return what each decision adds to the doubly robust estimate."""
    rows = np.arange(len(log.rewards))
    missed = log.rewards - fitted.predicted[rows, log.chosen]
    rewards: Array = (log.target * fitted.predicted).sum(axis=1) + log.weights * missed
    return rewards


def mean(values: Array) -> Estimate:
    """Return the mean of independent values, and its interval by the normal distribution."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return _around(float(values.mean()), error, quantile(CONFIDENCE))


def skewed_mean(values: Array) -> Estimate:
    r"""Return the mean of independent values, and an interval that reaches out to the long tail.

    With skewness :math:`\gamma`, :math:`g(t) = t + \gamma t^2/3 + \gamma^2 t^3/27 + \gamma/(6n)`
    of the standardised mean :math:`t` is nearly normal; the interval is that of :math:`g^{-1}`.

    References
    ----------
    Hall 1992, On the removal of skewness by transformation (JRSS B 54), section 2.
    """
    plain = mean(values)
    count = len(values)
    centred = values - plain.value
    deviation = float(values.std())
    skewness = float((centred**3).mean()) / deviation**3 if deviation else 0.0
    if abs(skewness) < LEAST_SKEWNESS:
        return plain
    ends = np.array([-1.0, 1.0]) * quantile(CONFIDENCE) / math.sqrt(count)
    inverse = np.cbrt(1.0 + skewness * (ends - skewness / (6.0 * count))) - 1.0
    low_end, high_end = 3.0 / skewness * inverse * math.sqrt(count) * plain.standard_error
    low, high = plain.value - float(high_end), plain.value - float(low_end)
    return Estimate(plain.value, low, high, plain.standard_error)


def always_low(estimate: Estimate, count: int) -> float:
    r"""Return a lower bound that holds however often one looks while the log grows.

    With probability .95 no look ever finds it above the truth, for long logs:
    :math:`\hat\mu_n - \hat\sigma_n \sqrt{\frac{2(n\rho^2+1)}{n^2\rho^2}
    \log(1 + \frac{\sqrt{n\rho^2+1}}{2\alpha})}`. The interval of 95 % allows one look only: who
    looks each day until it lies above a value finds it there sooner or later.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Time-uniform central limit theory and
    asymptotic confidence sequences (Annals of Statistics 52): one-sided sequence, and the
    :math:`\rho` that is tightest at a planned length.
    """
    alpha = 1.0 - CONFIDENCE
    doubt = -2.0 * math.log(2.0 * alpha)
    spread = count * (doubt + math.log(doubt + 1.0)) / PLANNED
    reach = math.sqrt(
        2.0 * (spread + 1.0) / spread * math.log1p(math.sqrt(spread + 1.0) / (2.0 * alpha))
    )
    return estimate.value - reach * estimate.standard_error


def effective_decisions(weights: Array) -> float:
    r"""Return how many unweighted decisions say as much: :math:`(\sum w)^2 / \sum w^2`.

    References
    ----------
    Kish 1965, Survey sampling, section 8.2.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _around(value: float, error: float, reach: float) -> Estimate:
    return Estimate(value, value - reach * error, value + reach * error, error)
