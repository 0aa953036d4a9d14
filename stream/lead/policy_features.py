"""What a policy knows of a lead when it chooses: few features, all of them about the moment."""

import math

from stream.lead.features import Features
from stream.lead.scoring import Scored
from stream.lead.state import LeadState

TAKEN_OVER = ("age", "since_last_event", "events", "sessions", "stage_age")
"""Features of the score that say as much for the choice of an action."""


def policy_features(
    state: LeadState, rule: str, scored: Scored, x: Features, now_s: float
) -> Features:
    """Return occasion, stage, engagement, score, recency, and how the lead was reached so far.

    A policy learns from decisions alone, of which there are few: it is given less than the
    score's model, and the score in place of the rest. Times are ``log(1 + seconds)``.
    """
    known: Features = {name: x[name] for name in TAKEN_OVER if name in x}
    week = math.fsum(float(n) for name, n in x.items() if name.startswith("count_7d:"))
    latest_s = max(state.triggered_s.values(), default=None)
    return {
        **known,
        "rule": rule,
        "stage": state.stage or "none",
        "tier": state.tier or "cold",
        "last": state.last_kind,
        "score": scored.score / 100.0,
        "log_odds": scored.log_odds,
        "engagement_7d": week,
        "contacts": float(len(state.contacts)),
        "since_trigger": -1.0 if latest_s is None else math.log1p(max(0.0, now_s - latest_s)),
        "is_customer": "yes" if state.purchases is not None else "no",
    }
