"""How good probabilities are: exact AUC, log loss and calibration error; and over a window."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

Metric = Callable[[Sequence[bool], Sequence[float]], float | None]
"""Of outcomes and probabilities; None where there are too few."""


def auc(y: Sequence[bool], p: Sequence[float]) -> float | None:
    """Return the area under the ROC curve, or None if only one class is there.

    The share of pairs of a positive and a negative that are ranked right, ties counting half
    (Mann and Whitney 1947).

    >>> auc([True, False, True], [0.9, 0.3, 0.3])
    0.75
    """
    truth = np.asarray(y, dtype=bool)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, which, ties = np.unique(np.asarray(p, dtype=float), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[which]
    u = ranks[truth].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def log_loss(y: Sequence[bool], p: Sequence[float]) -> float | None:
    """Return the mean negative log-likelihood in nats, or None without predictions.

    >>> round(log_loss([True, False], [0.5, 0.5]), 4)
    0.6931
    """
    if not len(y):
        return None
    probability = np.clip(np.asarray(p, dtype=float), 1e-12, 1 - 1e-12)
    truth = np.asarray(y, dtype=bool)
    return float(-np.mean(np.log(np.where(truth, probability, 1 - probability))))


def brier(y: Sequence[bool], p: Sequence[float]) -> float | None:
    """Return the mean squared distance to what came (Brier 1950), or None without predictions.

    >>> brier([True, False], [0.5, 0.5])
    0.25
    """
    if not len(y):
        return None
    return float(np.mean((np.asarray(p, dtype=float) - np.asarray(y, dtype=bool)) ** 2))


def average_precision(y: Sequence[bool], p: Sequence[float]) -> float | None:
    """Return the mean precision over the positives, from the highest probability down.

    Equal probabilities are taken at once; None without positives.

    >>> average_precision([True, False, True], [0.9, 0.8, 0.7])
    0.8333333333333333
    """
    truth = np.asarray(y, dtype=bool)
    if not truth.any():
        return None
    probability = np.asarray(p, dtype=float)
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(truth) - 1)
    found = np.cumsum(truth[order])[ends]
    gained = np.diff(found, prepend=0)
    return float(np.sum(gained * found / (ends + 1)) / truth.sum())


def calibration_error(y: Sequence[bool], p: Sequence[float], bins: int = 15) -> float | None:
    """Return the expected calibration error over bins of equally many predictions.

    The mean distance between what was predicted and what came (Naeini, Cooper and Hauskrecht
    2015), with quantile bins so that rare high probabilities count.

    >>> calibration_error([True, False], [0.5, 0.5], bins=1)
    0.0
    """
    if not len(y):
        return None
    order = np.argsort(np.asarray(p, dtype=float), kind="stable")
    truth = np.asarray(y, dtype=float)[order]
    probability = np.asarray(p, dtype=float)[order]
    gaps = [
        abs(float(t.mean() - q.mean())) * len(t)
        for t, q in zip(np.array_split(truth, bins), np.array_split(probability, bins), strict=True)
        if len(t)
    ]
    return sum(gaps) / len(truth)


class RollingQuality:
    """AUC, log loss and calibration error over the newest labelled predictions.

    Parameters
    ----------
    window
        How many to look back on.
    """

    def __init__(self, window: int = 1_000) -> None:
        self._pairs: deque[tuple[bool, float]] = deque(maxlen=window)

    def add(self, y: bool, p: float) -> None:
        """Take in a prediction, made before its label, and the label."""
        self._pairs.append((y, p))

    def auc(self) -> float | None:
        """Return the AUC over the window."""
        return auc([y for y, _ in self._pairs], [p for _, p in self._pairs])

    def log_loss(self) -> float | None:
        """Return the log loss over the window, in nats."""
        return log_loss([y for y, _ in self._pairs], [p for _, p in self._pairs])

    def calibration_error(self) -> float | None:
        """Return the calibration error over the window."""
        return calibration_error([y for y, _ in self._pairs], [p for _, p in self._pairs])
