"""Nurture triggers, first set: tier rose, tier fell, high intent, absence.

Each rule decides whether it fires; a cooldown per lead and rule holds it back, and every
trigger held back says why.
"""

from typing import Any, NamedTuple

from schemas import topics
from stream.lead.consent import EMAIL, NURTURING, may
from stream.lead.hashing import stable_id
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.scoring import Scored, reasons_of
from stream.lead.state import MAX_DECISIONS, LeadState
from stream.lead.tiers import RANK

POLICY = "rules"
POLICY_VERSION = "1"


class Cause(NamedTuple):
    """What a decision answers: an event, or a timer with its rule and due time."""

    event_id: str
    at_s: float


class Verdict(NamedTuple):
    """Whether a rule's trigger goes out, and if not, why."""

    rule: str
    suppressed: str | None
    output: Output | None


def rules_met(event_type: str, form_kind: str | None, former: str | None, tier: str) -> list[str]:
    """Return the rules that an event meets, by what it is and by what it did to the tier.

    >>> rules_met("form_fill", "demo_request", "cold", "hot")
    ['high_intent', 'tier_rose']
    """
    rules = []
    if event_type == "form_fill" and form_kind == "demo_request":
        rules.append("high_intent")
    before, after = RANK[former or "cold"], RANK[tier]
    if after > before:
        rules.append("tier_rose")
    elif after < before:
        rules.append("tier_fell")
    return rules


def decide(
    state: LeadState, rule: str, cause: Cause, scored: Scored, now_s: float, house: House
) -> Verdict:
    """Decide on one rule's trigger.

    A lead that is not named cannot be acted upon, and one that has not agreed must not be.

    Parameters
    ----------
    now_s
        The log's time: cooldowns run in it, so that a late event cannot shorten one.
    """
    if not is_named(state.lead_id):
        return Verdict(rule, "anonymous", None)
    action = house.actions[rule]
    if not may(state, NURTURING, house) or (
        action in house.email_actions and not may(state, EMAIL, house)
    ):
        return Verdict(rule, "no_consent", None)
    last_s = state.triggered_s.get(rule)
    if last_s is not None and now_s - last_s < house.cooldown_s.get(rule, 0.0):
        return Verdict(rule, "cooldown", None)
    state.triggered_s[rule] = now_s
    trigger_id = stable_id("nurture_triggered", cause.event_id, state.lead_id, rule)
    expires_s = now_s + house.trigger_ttl_s
    _open(state, trigger_id, [rule, action, now_s, expires_s])
    body: dict[str, Any] = {
        "type": "nurture_triggered",
        "trigger_id": trigger_id,
        "lead_id": state.lead_id,
        "rule": rule,
        "action": action,
        "framing": None,
        "action_probability": 1.0,
        "candidates": [{"action": action, "probability": 1.0}],
        "policy": POLICY,
        "policy_version": POLICY_VERSION,
        "is_holdout": False,
        "score": scored.score,
        "tier": state.tier,
        "reasons": reasons_of(scored),
        "expires_at": rfc3339(expires_s),
        "cause_event_id": cause.event_id,
        "occurred_at": rfc3339(cause.at_s),
    }
    output = cloud_event(topics.NURTURE_TRIGGERS, state.lead_id, trigger_id, body, rule)
    return Verdict(rule, None, output)


def _open(state: LeadState, trigger_id: str, decision: list[Any]) -> None:
    if len(state.decisions) >= MAX_DECISIONS:
        state.decisions.pop(next(iter(state.decisions)))
        state.overflows += 1
    state.decisions[trigger_id] = decision


def close_expired(state: LeadState, now_s: float) -> int:
    """Forget open decisions that may no longer be acted upon; return how many."""
    expired = [t for t, decision in state.decisions.items() if decision[3] <= now_s]
    for trigger_id in expired:
        del state.decisions[trigger_id]
    return len(expired)
