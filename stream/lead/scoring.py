"""A lead's score and its reasons: the learned model, blended with the rules while it is young."""

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from online_models.protocols import Scorer
from stream.lead.features import Features, named
from stream.lead.house import House
from stream.lead.words import words_of

COLD_VERSION = "0"
"""The version that scores name while there is no snapshot."""

MAX_REASONS = 6

STANDARD_ERRORS = 1.645
"""To either side: nine times of ten the truth is no farther off."""


NO_WORDS: Mapping[str, str] = MappingProxyType({})


class Scored(NamedTuple):
    """A lead's score at one moment.

    ``log_odds`` is ``baseline`` plus the sum of ``contributions``, which are by fact
    (``stream.lead.features.fact_of``).
    """

    score: float
    p_convert: float
    p_low: float
    p_high: float
    log_odds: float
    baseline: float
    contributions: Mapping[str, float]
    model_weight: float
    version: str


def logit(p: float) -> float:
    """Return the log-odds of a probability."""
    return math.log(p / (1.0 - p))


def expit(log_odds: float) -> float:
    """Return the probability of log-odds, without overflow on either side."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)


def score_one(
    x: Features, rule_points: Mapping[str, float], scorer: Scorer | None, house: House
) -> Scored:
    r"""Score one feature vector.

    The log-odds are :math:`w \cdot f(x) + (1 - w) \cdot r`: the model's and the rules', the
    latter the prior base rate with odds doubling every ``points_to_double_odds``. The
    weight :math:`w = n / (n + s)` grows with the labels learned of the rarer kind, ``n``
    against ``prior_strength``.

    The score is 100 times the odds relative to those of the base rate, ``r / (1 + r)``: a lead at
    the base rate scores 50, one with four times its odds 80, whatever the base rate is.

    The interval of 90 % spans the log-odds plus and minus 1.645 standard errors: the base rate's
    (Woolf 1955: variance ``1 / positives + 1 / negatives``), wide while few labels were seen, and
    the model's own, wide where a lead shows what few leads had.
    """
    intercept = variance = 0.0
    learned: Mapping[str, float] = {}
    per_point = math.log(2.0) / house.points_to_double_odds
    prior = logit(house.base_rate_prior)
    if scorer is None:
        weight, positives, negatives, version = 0.0, 0, 0.0, COLD_VERSION
    else:
        positives, version = scorer.positives, scorer.version
        negatives = scorer.negatives / house.negatives_share  # of which so many were taught
        rarer = min(positives, negatives)
        weight = rarer / (rarer + house.prior_strength)
        if weight:
            intercept, learned, variance = scorer.explain_one(x)
    base_log_odds, base_variance = _base_rate(
        positives, negatives, house.prior_strength, house.base_rate_prior
    )
    contributions: dict[str, float] = {}
    if weight > 0.0:
        contributions = {name: weight * c for name, c in learned.items()}
    if weight < 1.0:
        for rule, points in rule_points.items():
            contributions[named("points", rule)] = (1.0 - weight) * per_point * points
    baseline = weight * intercept + (1.0 - weight) * prior
    # fsum, so that the sum does not depend on the order in which features were met.
    log_odds = baseline + math.fsum(contributions.values())
    log_odds = max(-30.0, min(30.0, log_odds))
    spread = STANDARD_ERRORS * math.sqrt(base_variance + weight * weight * variance)
    return Scored(
        score=round(100.0 * expit(log_odds - base_log_odds), 2),
        p_convert=expit(log_odds),
        p_low=expit(log_odds - spread),
        p_high=expit(log_odds + spread),
        log_odds=log_odds,
        baseline=baseline,
        contributions=contributions,
        model_weight=weight,
        version=version,
    )


def score_of(p_convert: float, positives: int, negatives: int, house: House) -> float:
    """Return the score of a probability where so many labels were learned."""
    base_log_odds, _ = _base_rate(
        positives, negatives / house.negatives_share, house.prior_strength, house.base_rate_prior
    )
    return round(100.0 * expit(logit(min(1 - 1e-13, max(1e-13, p_convert))) - base_log_odds), 2)


@lru_cache(64)
def _base_rate(
    positives: int, negatives: float, believed: float, prior: float
) -> tuple[float, float]:
    """Return the base rate's log-odds and their variance, the same for many leads."""
    converted, lost = positives + believed * prior, negatives + believed * (1.0 - prior)
    return math.log(converted / lost), 1.0 / converted + 1.0 / lost


def reasons_of(scored: Scored, facts: Mapping[str, str] = NO_WORDS) -> list[dict[str, float | str]]:
    """Return the largest contributions by name and in words, the rest as ``other``, the baseline.

    Together they are the log-odds of ``p_convert``.

    Parameters
    ----------
    facts
        What facts are called that were named by what was learned, by fact.
    """
    # Largest first, and by name among equals.
    ranked = sorted([(-c if c > 0.0 else c, name, c) for name, c in scored.contributions.items()])
    named = [(name, c) for _, name, c in ranked[:MAX_REASONS] if c]
    rest = scored.log_odds - scored.baseline - math.fsum([c for _, c in named])
    reasons: list[dict[str, float | str]] = [
        {
            "feature": name,
            "contribution": c,
            "text": facts[name] if name in facts else words_of(name),
        }
        for name, c in named
    ]
    if len(ranked) > MAX_REASONS or abs(rest) > 1e-9:
        reasons.append({"feature": "other", "contribution": rest, "text": words_of("other")})
    baseline: dict[str, float | str] = {"feature": "baseline", "contribution": scored.baseline}
    reasons.append(baseline | {"text": words_of("baseline")})
    return reasons
