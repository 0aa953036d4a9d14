"""What quality plots show: calibration by bins, what contacting the best reaches, AUC by time."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.quality import FIFTHS, ScoredLead

Array = NDArray[np.float64]
NORMAL_95 = 1.96


class Bin(NamedTuple):
    """Scores of about the same probability: what was said, what came, and its 95 % interval."""

    predicted: float
    won: float
    low: float
    high: float


class Gains(NamedTuple):
    """The best leads first: share of leads contacted, and the share of all won ones among them."""

    contacted: Array
    reached: Array

    def at(self, contacted: float) -> float:
        """Return the share of won leads reached by contacting a share of all."""
        return float(np.interp(contacted, self.contacted, self.reached))


class AucAt(NamedTuple):
    """The AUC of a stretch of leads, with its 95 % interval; ``at_s`` is its middle lead's time."""

    at_s: float
    auc: float
    low: float
    high: float


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), which stays within 0 and 1.

    >>> [round(end, 3) for end in wilson(0, 10)]
    [0.0, 0.278]
    """
    z = NORMAL_95
    share = successes / trials
    centre = share + z * z / (2.0 * trials)
    reach = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    whole = 1.0 + z * z / trials
    return max(0.0, (centre - reach) / whole), min(1.0, (centre + reach) / whole)


def settled(leads: Sequence[ScoredLead]) -> list[ScoredLead]:
    """Return the decided leads after the first fifth of all, which calibration is judged by."""
    return _decided(leads[len(leads) // FIFTHS :])


def reliability(leads: Sequence[ScoredLead], bins: int = 10) -> list[Bin]:
    """Return what came of the scores of ``settled`` leads, by bins of equally many scores.

    Equal scores are not parted. A lead's scores share one outcome, so an interval counts the leads
    in its bin, not the scores.
    """
    rows = [(p, bool(one.won), n) for n, one in enumerate(settled(leads)) for p in one.p]
    if not rows:
        return []
    rows.sort(key=lambda row: row[0])
    p, won, which = (np.array(column) for column in zip(*rows, strict=True))
    bin_of = np.searchsorted(p, p, "left") * bins // len(p)
    found = []
    for number in np.unique(bin_of):
        part = bin_of == number
        share, trials = float(won[part].mean()), len(np.unique(which[part]))
        found.append(Bin(float(p[part].mean()), share, *wilson(share * trials, trials)))
    return found


def gains(leads: Sequence[ScoredLead]) -> Gains | None:
    """Return what is reached by contacting the best first, by last scores; None if none has won.

    Leads of equal scores come in the order of chance: a straight line.
    """
    decided = _decided(leads)
    won = np.array([bool(lead.won) for lead in decided])
    if not won.any():
        return None
    p = np.array([lead.p[-1] for lead in decided])
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    contacted = (ends + 1) / len(p)
    reached = np.cumsum(won[order])[ends] / won.sum()
    return Gains(np.insert(contacted, 0, 0.0), np.insert(reached, 0, 0.0))


def auc_over_time(
    leads: Sequence[ScoredLead], first_at_s: Sequence[float], stretches: int = 10
) -> list[AucAt]:
    """Return the AUC of every score, by stretches of equally many leads.

    Parameters
    ----------
    leads
        By the time of their first event.
    first_at_s
        When that was, of each.
    stretches
        How many; those without won or lost leads are left out.
    """
    found = []
    for part in np.array_split(np.arange(len(leads)), stretches):
        stretch = _decided([leads[n] for n in part])
        interval = auc_interval(stretch)
        if interval is not None:
            found.append(AucAt(first_at_s[part[len(part) // 2]], *interval))
    return found


def auc_interval(leads: Sequence[ScoredLead]) -> tuple[float, float, float] | None:
    r"""Return the AUC of all scores of leads and its 95 % interval; None if one class lacks.

    Each score's placement is the share of the other class's scores that it is on the right side
    of; the AUC is their mean in either class. Its variance is that of the leads' sums of placements
    (Obuchowski 1997, equation 4: clusters of one class each), so a lead of many scores counts as
    one lead.
    """
    by_class = [[np.array(one.p) for one in leads if one.won is won] for won in (True, False)]
    if not all(by_class):
        return None
    won, lost = (np.sort(np.concatenate(scores)) for scores in by_class)
    of_won = [_below(lost, p) for p in by_class[0]]
    of_lost = [1.0 - _below(won, p) for p in by_class[1]]
    auc = float(np.concatenate(of_won).mean())
    variance = sum(_variance(placements, auc) for placements in (of_won, of_lost))
    reach = NORMAL_95 * math.sqrt(variance)
    return auc, max(0.0, auc - reach), min(1.0, auc + reach)


def _below(ranked: Array, p: Array) -> Array:
    """Return the share of scores below each, ties counting half."""
    sides = np.searchsorted(ranked, p, "left") + np.searchsorted(ranked, p, "right")
    return np.asarray(sides / (2.0 * len(ranked)))


def _variance(placements: Sequence[Array], auc: float) -> float:
    clusters, scores = len(placements), sum(map(len, placements))
    if clusters < 2:
        return 0.25  # one lead says nothing of others
    squares = sum(float((cluster - auc).sum()) ** 2 for cluster in placements)
    return clusters / (clusters - 1) * squares / scores**2


def _decided(leads: Sequence[ScoredLead]) -> list[ScoredLead]:
    return [lead for lead in leads if lead.won is not None and lead.p]
