"""Nurture triggers: which occasion has come, what may be done on it, and what is done.

On an occasion (tier rose, tier fell, high intent, absence, urgent complaint) the catalogue offers
candidates, the rules of the house let some of them through, and a policy chooses one. What is held
back says why.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from online_models.policy.in_order import InOrder
from online_models.policy.protocol import Acting, Choice, seeded
from online_models.served_deal_value import PredictsDealValue
from online_models.served_lifetime_value import PredictsLifetimeValue
from online_models.uplift_effect import PredictsUplift, Uplift
from schemas import topics
from stream.lead import governance, transitions, uplift, worth
from stream.lead.action import NOTHING, URGENT_NEGATIVE, Candidate
from stream.lead.actions import candidates
from stream.lead.budgets import Budgets
from stream.lead.features import Features
from stream.lead.hashing import stable_id, unit_interval
from stream.lead.house import House
from stream.lead.open_transition import OpenTransition
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.policy_features import policy_features
from stream.lead.scoring import NO_WORDS, Scored, reasons_of
from stream.lead.segment_changes import SegmentsInUse
from stream.lead.state import MAX_DECISIONS, LeadState
from stream.lead.tiers import RANK
from stream.lead.topics_in_use import TopicsInUse

BY_RULES = "rules"
RULES_VERSION = "1"


class Cause(NamedTuple):
    """What a decision answers: an event, or a timer with its rule and due time."""

    event_id: str
    at_s: float


class Chooser(NamedTuple):
    """A version of a policy, and what acts by it."""

    policy: str
    version: str
    acting: Acting

    def choose(self, trigger_id: str, known: Features, may_be: Sequence[Candidate]) -> Choice:
        """Choose one of the candidates; chance comes from the trigger's id."""
        return self.acting.act(known, [one.name for one in may_be], seeded(trigger_id))


class Nurture(NamedTuple):
    """What decides on triggers: the policy that serves, if one does, and what may still be spent.

    ``shadow`` is asked what it would do, and that is written down. ``uplift`` tells whom nurturing
    would drive away, ``lifetime_value`` what leads and customers are worth, ``segments`` what leads
    are alike, ``topics`` what texts are about, ``deal_value`` what a lead's own deal will bring,
    where that is learned.
    """

    budgets: Budgets
    serving: Chooser | None = None
    shadow: Chooser | None = None
    uplift: PredictsUplift | None = None
    lifetime_value: PredictsLifetimeValue | None = None
    segments: SegmentsInUse | None = None
    topics: TopicsInUse | None = None
    deal_value: PredictsDealValue | None = None


class Verdict(NamedTuple):
    """Whether a rule's trigger goes out, and if not, why."""

    rule: str
    suppressed: str | None
    output: Output | None


def rules_met(
    event_type: str,
    form_kind: str | None,
    former: str | None,
    tier: str,
    *,
    is_urgent_negative: bool = False,
) -> list[str]:
    """Return the rules that an event meets, by what it is and by what it did to the tier.

    What is urgent comes first: caps let no more than so many through.

    >>> rules_met("form_fill", "demo_request", "cold", "hot")
    ['high_intent', 'tier_rose']
    """
    rules = [URGENT_NEGATIVE] if is_urgent_negative else []
    if event_type == "form_fill" and form_kind == "demo_request":
        rules.append("high_intent")
    before, after = RANK[former or "cold"], RANK[tier]
    if after > before:
        rules.append("tier_rose")
    elif after < before:
        rules.append("tier_fell")
    return rules


def is_holdout(lead_id: str, house: House) -> bool:
    """Tell whether a lead is in the control group, which it stays in for good."""
    return house.holdout_share > 0.0 and unit_interval("holdout", lead_id) < house.holdout_share


def decide(
    state: LeadState,
    rule: str,
    cause: Cause,
    scored: Scored,
    x: Features,
    now_s: float,
    house: House,
    nurture: Nurture,
) -> Verdict:
    """Decide on one rule's trigger.

    A lead of the control group gets the trigger that it would have had, with nothing to do, so
    that the two can be compared. So whom nurturing would drive away (``stream.lead.uplift``) is
    left alone in either group.

    Parameters
    ----------
    x
        The features that the lead was scored with.
    now_s
        The log's time: cooldowns run in it, so that a late event cannot shorten one.
    """
    catalogue, is_held_out = house.catalogue, is_holdout(state.lead_id, house)
    asked = (
        state,
        rule,
        candidates(state, rule, scored.score, catalogue),
        state.contacts,
        cause.at_s,
        now_s,
        catalogue,
        house,
        nurture.budgets,
    )
    known: Features | None = None
    effect: Uplift | None = None
    is_harmed = False
    if nurture.uplift is not None:
        known = policy_features(state, rule, scored, x, now_s)
        effect = nurture.uplift.predict_uplift_one(uplift.uplift_features(known))
        is_harmed = uplift.is_harmed(effect, state.lead_id, house)
    holds_out = is_held_out
    if is_harmed:
        may_be, held = governance.allowed(*asked, "do_not_disturb")
        holds_out = is_held_out and governance.suppressed(may_be, held) is None
    if holds_out or not is_harmed:
        may_be, held = governance.allowed(*asked, "holdout" if holds_out else None)
    if holds_out and any(reason == "holdout" for _, reason in held):
        may_be = [c for c in may_be if c.name == NOTHING] or [catalogue.nothing]
    else:
        holds_out, reason = False, governance.suppressed(may_be, held)
        if reason is not None:
            return Verdict(rule, reason, None)
    trigger_id = stable_id("nurture_triggered", cause.event_id, state.lead_id, rule)
    known = known or policy_features(state, rule, scored, x, now_s)
    serving = nurture.serving or _by_rules(house)
    choice = serving.choose(trigger_id, known, may_be)
    shadow: dict[str, Any] | None = None
    if nurture.shadow is not None and not holds_out:
        shadow = _told(nurture.shadow, nurture.shadow.choose(trigger_id, known, may_be))
    chosen = next(c for c in may_be if c.name == choice.action)
    state.triggered_s[rule] = now_s
    governance.take(chosen, state.contacts, now_s, catalogue, nurture.budgets)
    action, expires_s = chosen.action, now_s + catalogue.ttl_s(chosen.action)
    if action.name != NOTHING:
        _open(state, trigger_id, [rule, action.name, now_s, expires_s])
    if house.logs_decisions:
        cost = catalogue.rewards.cost(action)
        transition = OpenTransition(
            trigger_id, now_s, rule, known, choice.action, dict(choice.probabilities),
            serving.policy, serving.version, holds_out, cost, shadow=shadow,
        )  # fmt: skip
        transitions.begin(state, transition)
    if house.holdout_share > 0.0 and (holds_out or any(c.name != NOTHING for c in may_be)):
        uplift.enrol(
            state, known, scored.p_convert, now_s,
            is_treated=not is_held_out, is_compared=not is_harmed,
        )  # fmt: skip
    body: dict[str, Any] = {
        "type": "nurture_triggered",
        "trigger_id": trigger_id,
        "lead_id": state.lead_id,
        "rule": rule,
        "action": action.name,
        "channel": action.channel,
        "framing": chosen.framing,
        "text": action.text(chosen.framing, _locale(state)),
        "action_probability": choice.action_probability,
        "candidates": _likeliest_first(choice),
        "policy": serving.policy,
        "policy_version": serving.version,
        "shadow": shadow,
        "is_holdout": holds_out,
        "uplift": None if effect is None else uplift.told(effect),
        "expected_value": worth.expected(
            state, scored.p_convert, now_s, house, nurture.lifetime_value, x, nurture.deal_value
        ),
        "score": scored.score,
        "tier": state.tier,
        "reasons": reasons_of(scored, NO_WORDS if nurture.topics is None else nurture.topics.facts),
        "expires_at": rfc3339(expires_s),
        "cause_event_id": cause.event_id,
        "occurred_at": rfc3339(cause.at_s),
    }
    output = cloud_event(topics.NURTURE_TRIGGERS, state.lead_id, trigger_id, body, rule)
    return Verdict(rule, None, output)


def _by_rules(house: House) -> Chooser:
    return Chooser(BY_RULES, RULES_VERSION, InOrder(house.exploration_ratio))


def _told(shadow: Chooser, choice: Choice) -> dict[str, Any]:
    return {
        "policy": shadow.policy,
        "policy_version": shadow.version,
        "action": choice.action,
        "candidates": _likeliest_first(choice),
    }


def _likeliest_first(choice: Choice) -> list[dict[str, Any]]:
    return [
        {"action": name, "probability": p}
        for name, p in sorted(choice.probabilities.items(), key=lambda item: -item[1])
    ]


def _locale(state: LeadState) -> str | None:
    locale = state.attributes.get("locale")
    return locale if isinstance(locale, str) else None


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
