"""One step of the online Laplace approximation for logistic likelihoods, and its numbers."""

import math

NEWTON_STEPS = 8
LARGEST_LOG_ODDS = 30.0


def expit(log_odds: float) -> float:
    """Return the probability of log-odds.

    >>> expit(0.0)
    0.5
    """
    log_odds = max(-LARGEST_LOG_ODDS, min(LARGEST_LOG_ODDS, log_odds))
    return 1.0 / (1.0 + math.exp(-log_odds))


def step(log_odds: float, variance: float, y: bool, weight: float) -> tuple[float, float]:
    r"""Return how a label moves normally distributed log-odds, and how it narrows them.

    The most probable log-odds solve :math:`m = \mu + v w (y - \sigma(m))` (Spiegelhalter and
    Lauritzen 1990, section 5). The right side falls with :math:`m`, so the solution is bracketed;
    Newton's steps that leave the bracket are halved instead.

    Parameters
    ----------
    log_odds, variance
        Mean and variance before the label.
    weight
        How many labels like it this one stands for.

    Returns
    -------
    surprise, certainty
        With :math:`x` the inputs and :math:`\Sigma` their weights' covariance, the weights move by
        :math:`\Sigma x \cdot` surprise, and :math:`\Sigma` loses
        :math:`\Sigma x x^T \Sigma \cdot` certainty.

    Examples
    --------
    >>> surprise, certainty = step(0.0, 1.0, True, 1.0)
    >>> round(surprise, 3), round(certainty, 3)
    (0.401, 0.194)
    """
    pull = variance * weight
    low, high = (log_odds, log_odds + pull) if y else (log_odds - pull, log_odds)
    m = log_odds
    for _ in range(NEWTON_STEPS):
        p = expit(m)
        excess = m - log_odds - pull * (y - p)
        low, high = (low, m) if excess > 0 else (m, high)
        m -= excess / (1.0 + pull * p * (1.0 - p))
        if not low <= m <= high:
            m = (low + high) / 2.0
    p = expit(m)
    curvature = weight * p * (1.0 - p)
    return weight * (y - p), curvature / (1.0 + curvature * variance)
