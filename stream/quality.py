"""How good scores were, once it is known what became of the leads: pure figures."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from online_models import metrics

FIFTHS = 5
SEEN = (("1", 1, 1), ("2 to 4", 2, 4), ("5 to 9", 5, 9), ("10 or more", 10, None))
"""Events of a lead up to and with the one it is scored by: name, from, to."""
TIERS = ("hot", "warm", "cold")


class ScoredLead(NamedTuple):
    """A lead's scores in their order, and what became of it; None where that is not known.

    ``p`` are probabilities, ``tiers`` the tier that the lead had after each.
    """

    won: bool | None
    p: list[float]
    tiers: list[str]


def quality(leads: Sequence[ScoredLead]) -> dict[str, Any]:
    """Compare scores with outcomes; leads without one are left out.

    Parameters
    ----------
    leads
        By the time of their first event.

    Returns
    -------
    dict
        ``auc`` and ``log_loss`` (nats) of each lead's last score; of every score, ``auc_events``,
        ``log_loss_events``, ``average_precision`` and ``brier``, ``auc_last_fifth`` of the last
        20 % of leads; ``calibration_error`` of every score of all but the first 20 %, over 15
        bins of equally many, and ``calibration_error_first`` of their first scores. Which score
        is a lead's last is known in hindsight only, so how well those are calibrated says nothing
        of a score that one looks at.
        ``tiers``: by the tier of a lead's last score, how many leads, the share of them that won
        (``precision``), the share of all won ones (``recall``), and ``precision`` against that of
        all leads (``lift``). ``by_events_seen`` and ``by_fifth``: scores, AUC, log loss and
        calibration error by how many events of the lead had been seen, and by fifths of leads.
    """
    decided = _decided(leads)
    last = [(bool(lead.won), lead.p[-1]) for lead in decided]
    bounds = [len(leads) * k // FIFTHS for k in range(FIFTHS + 1)]
    later, newest = _decided(leads[bounds[1] :]), _decided(leads[bounds[-2] :])
    every, every_later = _scores(decided), _scores(later)
    first = [(bool(lead.won), lead.p[0]) for lead in later]
    return {
        "auc": _figure(metrics.auc, last),
        "log_loss": _figure(metrics.log_loss, last),
        "auc_events": _figure(metrics.auc, every),
        "log_loss_events": _figure(metrics.log_loss, every),
        "average_precision": _figure(metrics.average_precision, every),
        "brier": _figure(metrics.brier, every),
        "auc_last_fifth": _figure(metrics.auc, _scores(newest)),
        "calibration_error": _figure(metrics.calibration_error, every_later),
        "calibration_error_first": _figure(metrics.calibration_error, first),
        "tiers": {tier: _of_tier(tier, decided) for tier in TIERS},
        "by_events_seen": {
            name: _summary(_scores(decided, least, most)) for name, least, most in SEEN
        },
        "by_fifth": [
            _summary(_scores(_decided(leads[start:end]))) for start, end in pairwise(bounds)
        ],
    }


def _decided(leads: Iterable[ScoredLead]) -> list[ScoredLead]:
    return [lead for lead in leads if lead.won is not None and lead.p]


def _scores(
    leads: Iterable[ScoredLead], least: int = 1, most: int | None = None
) -> list[tuple[bool, float]]:
    """Return outcome and score of each event, or of those from the ``least``-th to the ``most``."""
    return [(bool(lead.won), p) for lead in leads for p in lead.p[least - 1 : most]]


def _of_tier(tier: str, decided: Sequence[ScoredLead]) -> dict[str, float | int | None]:
    won = [bool(lead.won) for lead in decided]
    there = [y for y, lead in zip(won, decided, strict=True) if lead.tiers[-1] == tier]
    precision = sum(there) / len(there) if there else None
    base = sum(won) / len(won) if won else 0.0
    return {
        "leads": len(there),
        "precision": _rounded(precision),
        "recall": _rounded(sum(there) / sum(won)) if any(won) else None,
        "lift": _rounded(precision / base) if precision is not None and base else None,
    }


def _summary(pairs: Sequence[tuple[bool, float]]) -> dict[str, float | int | None]:
    return {
        "scores": len(pairs),
        "auc": _figure(metrics.auc, pairs),
        "log_loss": _figure(metrics.log_loss, pairs),
        "calibration_error": _figure(metrics.calibration_error, pairs),
    }


def _figure(metric: metrics.Metric, pairs: Sequence[tuple[bool, float]]) -> float | None:
    return _rounded(metric([y for y, _ in pairs], [p for _, p in pairs]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
