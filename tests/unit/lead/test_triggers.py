import orjson
import pytest

from stream.lead import triggers
from stream.lead.actions_by_rule import DEFAULT_ACTIONS, EMAIL_ACTIONS, catalogue_of
from stream.lead.budgets import Budgets
from stream.lead.house import House
from stream.lead.scoring import score_one
from stream.lead.state import MAX_DECISIONS, LeadState
from stream.lead.triggers import Cause, Nurture

HOUSE = House(
    catalogue=catalogue_of(DEFAULT_ACTIONS, EMAIL_ACTIONS, {"high_intent": 100.0}, ttl_s=50.0)
)
SCORED = score_one({}, {}, None, HOUSE)


def decided(state, rule="high_intent", now_s=0.0, event_id="e"):
    state.tier = state.tier or "cold"
    cause, nurture = Cause(event_id, now_s), Nurture(Budgets())
    return triggers.decide(state, rule, cause, SCORED, {}, now_s, HOUSE, nurture)


@pytest.mark.parametrize(
    ("event_type", "form_kind", "former", "tier", "rules"),
    [
        ("form_fill", "demo_request", "warm", "warm", ["high_intent"]),
        ("form_fill", "contact", "warm", "warm", []),
        ("page_view", None, "warm", "hot", ["tier_rose"]),
        ("page_view", None, None, "hot", ["tier_rose"]),
        ("page_view", None, None, "cold", []),
        ("page_view", None, "hot", "cold", ["tier_fell"]),
        ("form_fill", "demo_request", "cold", "hot", ["high_intent", "tier_rose"]),
    ],
)
def test_rules_are_met_by_what_happened_and_what_it_did_to_the_tier(
    event_type, form_kind, former, tier, rules
):
    assert triggers.rules_met(event_type, form_kind, former, tier) == rules


def test_a_rule_cools_down_for_each_lead_on_its_own():
    state = LeadState.new("L", 0.0)
    verdicts = [decided(state, now_s=t, event_id=str(t)) for t in (0.0, 99.9, 100.0)]
    assert [v.suppressed for v in verdicts] == [None, "cooldown", None]
    assert verdicts[1].output is None
    assert decided(state, "tier_rose", 100.0).suppressed is None
    assert decided(LeadState.new("M", 0.0), now_s=50.0).suppressed is None


def test_what_was_held_back_does_not_prolong_the_cooldown():
    state = LeadState.new("L", 0.0)
    for now_s in range(0, 100, 10):
        decided(state, now_s=float(now_s))
    assert decided(state, now_s=100.0).suppressed is None


def test_nobody_can_act_upon_an_anonymous_visitor():
    state = LeadState.new("anon:v", 0.0)
    assert decided(state).suppressed == "anonymous"
    assert (state.triggered_s, state.decisions) == ({}, {})
    assert decided(LeadState.new("email:h", 0.0)).suppressed is None


def test_ids_are_the_same_for_the_same_cause_and_differ_otherwise():
    def trigger_id(lead_id="L", rule="high_intent", event_id="e"):
        output = decided(LeadState.new(lead_id, 0.0), rule, event_id=event_id).output
        body = orjson.loads(output.value)
        assert dict(output.headers)["ce_id"].decode() == body["trigger_id"]
        return body["trigger_id"]

    ids = [trigger_id(), trigger_id("M"), trigger_id(rule="tier_rose"), trigger_id(event_id="f")]
    assert len(set(ids)) == 4
    assert trigger_id() == ids[0]


def test_open_decisions_expire_and_are_bounded():
    state = LeadState.new("L", 0.0)
    for n in range(MAX_DECISIONS + 3):
        decided(state, now_s=n * 1_000.0, event_id=str(n))
    assert len(state.decisions) == MAX_DECISIONS
    assert state.overflows == 3
    last_s = (MAX_DECISIONS + 2) * 1_000.0
    assert triggers.close_expired(state, last_s + 49.9) == MAX_DECISIONS - 1
    assert triggers.close_expired(state, last_s + 50.0) == 1
    assert state.decisions == {}
