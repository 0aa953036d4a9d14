"""Logistic regression on all rows at once, with a normal prior on each weight."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEWTON_STEPS = 50
CONVERGED = 1e-9
LARGEST_LOG_ODDS = 30.0


class LogisticFit(NamedTuple):
    """Most probable weights, and the covariance of what is not known of them."""

    weights: Array
    covariance: Array


def probabilities(log_odds: Array) -> Array:
    """Return the probabilities of log-odds.

    >>> probabilities(np.array([0.0, 1_000.0])).round(3).tolist()
    [0.5, 1.0]
    """
    clipped = np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    result: Array = 1.0 / (1.0 + np.exp(-clipped))
    return result


def log_losses(y: Array, log_odds: Array) -> Array:
    """Return each row's log loss, in nats."""
    result: Array = np.logaddexp(0.0, log_odds) - y * log_odds
    return result


def fit_logistic(
    inputs: Array,
    y: Array,
    prior_mean: Array,
    prior_variance: Array,
    offset: Array | None = None,
) -> LogisticFit:
    r"""Fit by Newton's method, the Laplace approximation of the posterior (Bishop 2006, 4.5).

    Parameters
    ----------
    inputs
        One row an example; a column of ones where there is to be an intercept.
    y
        Outcomes, 0 or 1.
    prior_mean, prior_variance
        Of each weight: weights are shrunk towards the mean, infinity shrinks nothing.
    offset
        Log-odds that are taken as given, by row.

    Returns
    -------
    LogisticFit
        The weights where the posterior is highest, and the inverse of its curvature there.

    Examples
    --------
    Three of four rows are positive, and the prior says next to nothing: the odds are 3.

    >>> fit = fit_logistic(
    ...     np.ones((4, 1)), np.array([1.0, 1, 1, 0]), np.zeros(1), np.array([1e6])
    ... )
    >>> round(float(np.exp(fit.weights[0])), 3)
    3.0
    """
    given = np.zeros(len(y)) if offset is None else offset
    precision = 1.0 / prior_variance
    weights = prior_mean.astype(np.float64)

    def objective(at: Array) -> float:
        apart = at - prior_mean
        return float(log_losses(y, given + inputs @ at).sum() + 0.5 * (precision * apart) @ apart)

    curvature = np.diag(precision)
    lowest = objective(weights)
    for _ in range(NEWTON_STEPS):
        p = probabilities(given + inputs @ weights)
        gradient = inputs.T @ (p - y) + precision * (weights - prior_mean)
        spread = np.maximum(p * (1.0 - p), 1e-9)
        curvature = (inputs * spread[:, None]).T @ inputs + np.diag(precision)
        direction = np.linalg.solve(curvature, gradient)
        length = 1.0
        # Far from the optimum a whole step may overshoot.
        while (reached := objective(weights - length * direction)) > lowest and length > 1e-6:
            length /= 2.0
        if lowest - reached <= CONVERGED * (1.0 + abs(lowest)):
            break
        weights, lowest = weights - length * direction, reached
    covariance = np.asarray(np.linalg.inv(curvature), dtype=np.float64)
    return LogisticFit(weights, covariance)
