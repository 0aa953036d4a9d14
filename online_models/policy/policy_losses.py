"""What policies that are probabilities move along: log probabilities and their ratios."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BARRED = 1e9
"""Taken off the outputs of actions that were no candidates: they get no share."""


def shares(np: Any, outputs: Any, allowed: Any, epsilon: float) -> Any:
    """Return each candidate's probability as it is drawn: softmax, mixed with a uniform share.

    Parameters
    ----------
    np
        numpy, or what stands in for it to find gradients.
    outputs
        A row for each decision.
    allowed
        Of the same shape: 1 for candidates, 0 for others.
    epsilon
        The share that is uniform.
    """
    barred = outputs - BARRED * (1.0 - allowed)
    exponentials = np.exp(barred - np.max(barred, axis=1, keepdims=True))
    softmax = exponentials / np.sum(exponentials, axis=1, keepdims=True)
    return (1.0 - epsilon) * softmax + epsilon * allowed / np.sum(allowed, axis=1, keepdims=True)


def log_probability_loss(
    np: Any, outputs: Any, taken: Any, allowed: Any, epsilon: float, worth: Any
) -> Any:
    """Return minus the mean log probability of what was done, each times what it was worth."""
    probability = np.sum(shares(np, outputs, allowed, epsilon) * taken, axis=1)
    return -np.mean(worth * np.log(probability))


def clipped_ratio_loss(
    np: Any,
    outputs: Any,
    taken: Any,
    allowed: Any,
    epsilon: float,
    before: Any,
    advantages: Any,
    clip: float,
    entropy: float,
) -> Any:
    """Return the clipped surrogate (Schulman et al. 2017, equation 7), less a bonus for entropy.

    Parameters
    ----------
    np, outputs, allowed, epsilon
        As of ``shares``.
    taken
        1 for the action that was taken, 0 for others.
    before
        How probable it was for the policy before this was learned.
    advantages
        How much better it was than what is usual there.
    clip
        An action whose probability has changed by a larger share is not pushed on.
    entropy
        What a unit of entropy is worth.
    """
    probabilities = shares(np, outputs, allowed, epsilon)
    ratio = np.sum(probabilities * taken, axis=1) / before
    clipped = np.minimum(np.maximum(ratio, 1.0 - clip), 1.0 + clip)
    logs = np.log(probabilities + (1.0 - allowed))
    bonus = -entropy * np.sum(probabilities * logs, axis=1)
    return -np.mean(np.minimum(ratio * advantages, clipped * advantages) + bonus)


def huber_slope(values: Array, places: NDArray[np.int32], targets: Array) -> Array:
    """Return the slope of the mean Huber loss (Huber 1964) by all values.

    It is the difference to the target, no larger than 1: no single reward, however large, moves
    a network far (Mnih et al. 2015, "Methods").

    Parameters
    ----------
    values
        A row for each transition.
    places
        Which value of each row is moved.
    targets
        What it is moved towards.

    Examples
    --------
    >>> huber_slope(np.array([[0.0, 5.0], [1.5, 0.0]]), np.array([1, 0]), np.ones(2)).tolist()
    [[0.0, 0.5], [0.25, 0.0]]
    """
    rows = np.arange(len(places))
    slope = np.zeros_like(values)
    apart = values[rows, places] - targets
    slope[rows, places] = np.minimum(np.maximum(apart, -1.0), 1.0) / len(places)
    return slope


def one_hot(places: NDArray[np.int32], width: int) -> Array:
    """Return a row for each place, 1 there and 0 elsewhere.

    >>> one_hot(np.array([1], np.int32), 3).tolist()
    [[0.0, 1.0, 0.0]]
    """
    rows: Array = np.zeros((len(places), width))
    rows[np.arange(len(places)), places] = 1.0
    return rows


def standardised(advantages: Array) -> Array:
    """Return advantages with mean 0 and deviation 1; all 0 if they are alike.

    >>> standardised(np.array([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """
    apart = advantages - advantages.mean()
    spread = float(apart.std())
    scaled: Array = apart / (spread or 1.0)
    return scaled
