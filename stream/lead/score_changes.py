"""What goes out when a lead's score has changed."""

from collections.abc import Mapping
from typing import Any

from schemas import topics
from stream.lead import discount, labels, movement
from stream.lead.hashing import stable_id
from stream.lead.kinds import kinds_of
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.scoring import NO_WORDS, Scored, reasons_of
from stream.lead.state import LeadState
from stream.lead.triggers import Cause


def moved_by(event: Mapping[str, Any] | None, outcome: str) -> str:
    """Return the kind of what moved a score."""
    if event is not None:
        kinds = kinds_of(event)
        return kinds[-1] if kinds else str(event["type"])
    return {"timers": "absence", "merged": "merge"}.get(outcome, "correction")


def score_changed(
    state: LeadState,
    scored: Scored,
    total: float,
    former: str | None,
    cause: Cause,
    propensities: Mapping[str, float],
    facts: Mapping[str, str] = NO_WORDS,
) -> Output:
    """Return the record of a score change; ``former`` is the tier before.

    ``facts`` is what facts are called that were named by what was learned.
    """
    body: dict[str, Any] = {
        "type": "score_changed",
        "lead_id": state.lead_id,
        "score": scored.score,
        "previous_score": state.score,
        "p_convert": scored.p_convert,
        "p_low": scored.p_low,
        "p_high": scored.p_high,
        "points": round(total, 2),
        "tier": state.tier,
        "previous_tier": former,
        "reasons": reasons_of(scored, facts),
        "propensities": propensities,
        "moved_by": movement.told(state),
        "discounted": _discounted(state) if state.discounted else [],
        "model": labels.MODEL,
        "model_version": scored.version,
        "model_weight": scored.model_weight,
        "cause_event_id": cause.event_id,
        "occurred_at": rfc3339(cause.at_s),
    }
    ce_id = stable_id("score_changed", cause.event_id, state.lead_id)
    return cloud_event(topics.LEAD_SCORES, state.lead_id, ce_id, body, str(state.tier))


def _discounted(state: LeadState) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "count": count, "reason": reason}
        for kind, reason, count, _ in discount.discounted(state)
    ]
