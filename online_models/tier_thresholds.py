"""Where tiers begin, so that a tier holds what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from online_models.intervals import quantile, wilson

FEWEST_LEADS = 50
FEWEST_WON = 10
CONFIDENCE = 0.95
BEYOND_BASE_CONFIDENCE = 0.99
"""That a raised tier is better than all leads: the best of many thresholds is lucky, too."""
LEAST_GROWTH = 1.1
"""A threshold is lowered only if that makes the tier larger by a tenth or more."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Leads in a tier, how many won, and the interval of their share."""

    leads: int
    won: int
    low: float
    high: float

    @property
    def precision(self) -> float:
        """The share of the tier's leads that won."""
        return self.won / self.leads if self.leads else 0.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a tier begins now, where it should, and the evidence.

    ``target`` is the share of the tier's leads that should win; ``reason`` says in plain words
    why the threshold moves or stays.
    """

    present: float
    proposed: float
    target: float
    now: Tier
    then: Tier
    reason: str


def refit_threshold(
    scores: Sequence[float],
    won: Sequence[bool],
    present: float,
    lift: float,
    below: float = 101.0,
) -> Threshold:
    """Return the whole score at which a tier should begin to win ``lift`` times the base rate.

    A promise of precision, not of size, as people act upon a tier by what it is worth. The
    threshold rises if the tier's leads surely win less often than that, to the lowest score from
    which on they do. It falls if so many more leads would surely keep the promise.

    Parameters
    ----------
    scores, won
        By lead, 0 to 100.
    present
        Where the tier begins now.
    lift
        How many times as often as all leads those of the tier should win.
    below
        Where the next tier begins.

    Examples
    --------
    From 70 on three of ten win, below one of ten; the tier is to win 1.6 times as often as all.

    >>> scores = [score for score in range(100) for _ in range(10)]
    >>> won = [n % 10 < (3 if score >= 70 else 1) for n, score in enumerate(scores)]
    >>> refit_threshold(scores, won, present=40, lift=1.6).proposed
    62.0
    """
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(won, dtype=bool)
    base = float(y.mean()) if len(y) else 0.0
    target = lift * base

    def tier(at: float, confidence: float = CONFIDENCE) -> Tier:
        inside = (s >= at) & (s < below)
        leads, won_there = int(inside.sum()), int(y[inside].sum())
        low, high = wilson(won_there / leads, leads, quantile(confidence)) if leads else (0.0, 1.0)
        return Tier(leads, won_there, low, high)

    def is_enough(of: Tier) -> bool:
        return of.leads >= FEWEST_LEADS and of.won >= FEWEST_WON

    now = tier(present)
    too_few = f"too few outcomes: {now.leads:,} leads in the tier, {now.won:,} of them won"
    if int(y.sum()) < FEWEST_WON:
        return Threshold(present, present, target, now, now, too_few)
    top = min(100, int(np.ceil(below)) - 1)
    if now.leads >= FEWEST_LEADS and now.high < target:
        for at in range(int(present) + 1, top + 1):
            then = tier(at)
            sure = tier(at, BEYOND_BASE_CONFIDENCE)
            if is_enough(then) and then.precision >= target and sure.low > base:
                reason = "the tier's leads win less often than it promises"
                return Threshold(present, float(at), target, now, then, reason)
        reason = "the tier's leads win less often than it promises, and no higher score would do"
        return Threshold(present, present, target, now, now, reason)
    for at in range(1, int(np.ceil(present))):
        then = tier(at)
        if is_enough(then) and then.low >= target and then.leads >= LEAST_GROWTH * now.leads:
            reason = "more leads keep the tier's promise"
            return Threshold(present, float(at), target, now, then, reason)
    reason = too_few if now.leads < FEWEST_LEADS else "the tier holds what it promises"
    return Threshold(present, present, target, now, now, reason)
