import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead.consent import GATES, may, set_consent
from stream.lead.house import House
from stream.lead.state import MAX_PURPOSES, LeadState

NOTHING_SAID: dict[str, bool] = {}


def consent(purpose, granted, after_s, **ids):
    return event(
        "consent", f"{purpose}-{after_s}", after_s, purpose=purpose, granted=granted, **ids
    )


def written(state):
    return orjson.loads(orjson.dumps(state.to_json()))


def lead_in(country, **said):
    state = LeadState.new("L", 0.0)
    if country is not None:
        state.attributes["country"] = country
    for purpose, granted in said.items():
        set_consent(state, purpose, granted, 1.0)
    return state


@pytest.mark.parametrize(
    ("needed_in", "country", "said", "allowed"),
    [
        ({"DE", "AT"}, "DE", NOTHING_SAID, False),
        ({"DE", "AT"}, "de", NOTHING_SAID, False),
        ({"DE", "AT"}, "US", NOTHING_SAID, True),
        ({"DE", "AT"}, None, NOTHING_SAID, True),
        ({"DE", "AT"}, "Germany", NOTHING_SAID, True),
        ({"DE", "AT"}, 49, NOTHING_SAID, True),
        ({"GB"}, "UK", NOTHING_SAID, False),
        ({"unknown"}, None, NOTHING_SAID, False),
        ({"unknown"}, "Germany", NOTHING_SAID, False),
        ({"unknown"}, "DE", NOTHING_SAID, True),
        ({"*"}, "US", NOTHING_SAID, False),
        ({"*"}, None, NOTHING_SAID, False),
        (set(), "DE", NOTHING_SAID, True),
        ({"DE"}, "DE", {"nurturing": True}, True),
        ({"DE"}, "US", {"nurturing": False}, False),
        ({"DE"}, "DE", {"scoring": True}, False),
    ],
)
def test_what_a_lead_said_counts_and_else_where_it_lives(needed_in, country, said, allowed):
    house = House(opt_in={"nurturing": frozenset(needed_in)})
    assert may(lead_in(country, **said), "nurturing", house) is allowed


def test_a_purpose_is_the_same_in_capitals():
    assert not may(lead_in(None, **{" Email ": False}), "email", House())


def test_a_gate_is_never_forgotten_for_other_purposes():
    state = LeadState.new("L", 0.0)
    for n in range(MAX_PURPOSES + 5):
        set_consent(state, f"p{n}", False, 1.0)
    for gate in GATES:
        set_consent(state, gate, False, 2.0)
    assert not any(may(state, gate, House()) for gate in GATES)
    assert len(state.consent) == MAX_PURPOSES + len(GATES)


def test_a_lead_that_refuses_scoring_is_not_followed_any_more():
    stream = LeadStream()
    stream.send(event("page_view", "a", 0, lead_id="L"), consent("scoring", False, 10, lead_id="L"))
    before, sent = stream.lead("L"), len(stream.outputs)
    held = written(before)
    assert before.samples == []
    stream.send(
        event("page_view", "b", 20, lead_id="L"),
        event("form_fill", "c", 30, lead_id="L"),
        event("outcome", "d", 40, lead_id="L", result="lost"),
    )
    stream.tick(200 * DAY_S)
    assert len(stream.outputs) == sent
    assert stream.counts["page_view", "no_consent"] == 1
    assert stream.counts["form_fill", "no_consent"] == 1
    after = written(stream.lead("L"))
    changed = {k for k in held.keys() | after.keys() if held.get(k) != after.get(k)}
    # An open decision ends all the same.
    assert changed == {
        "offset", "outcome", "outcome_at_s", "recent_ids", "decisions", "next_due_s",
        "last_at_s",
    }  # fmt: skip


def test_what_others_know_of_it_is_noted_without_points():
    stream = LeadStream()
    stream.send(
        consent("scoring", False, 0, lead_id="L"),
        event("lead_profile", "a", 1, lead_id="L", attributes={"company_size": 80}),
        event("stage_change", "b", 2, lead_id="L", stage="mql"),
        event("email_unsubscribe", "c", 3, lead_id="L"),
    )
    lead = stream.lead("L")
    assert (lead.attributes, lead.stage, lead.ledger) == ({"company_size": 80}, "mql", {})
    assert lead.consent["email"][0] is False
    assert (lead.events, lead.journey, lead.counts.counts) == (0, [], {})


def test_scoring_goes_on_from_what_was_kept():
    stream = LeadStream()
    stream.send(
        event("page_view", "a", 0, lead_id="L"),
        consent("scoring", False, 10, lead_id="L"),
        event("lead_profile", "b", 20, lead_id="L", attributes={"company_size": 80}),
        event("page_view", "c", 30, lead_id="L"),
        consent("scoring", True, 40, lead_id="L"),
        event("page_view", "d", 50, lead_id="L"),
    )
    lead = stream.lead("L")
    assert lead.counts.counts.keys() >= {"page_view"}
    assert [step[1] for step in lead.journey] == ["page_view:pricing", "page_view:pricing"]
    assert lead.ledger["company_size"][0] == 10
    assert len(lead.samples) > 0
    causes = [b["cause_event_id"] for b in stream.bodies(topics.LEAD_SCORES)]
    assert "c" not in causes
    assert "d" in causes


def test_a_country_that_asks_for_a_yes_to_scoring_stops_what_went_before():
    stream = LeadStream(house=House(points=HOUSE.points, opt_in={"scoring": frozenset({"DE"})}))
    stream.send(event("page_view", "a", 0, lead_id="L"))
    assert stream.lead("L").samples != []
    stream.send(event("lead_profile", "b", 1, lead_id="L", attributes={"country": "DE"}))
    lead = stream.lead("L")
    assert (lead.samples, lead.absence_due_s) == ([], None)


def test_a_refusal_under_either_name_holds_for_both():
    stream = LeadStream()
    stream.send(
        event("page_view", "a", 0, anonymous_id="v"),
        consent("scoring", False, 5, anonymous_id="v"),
        event("page_view", "b", 6, lead_id="L"),
        event("activity", "c", 10, lead_id="L", anonymous_id="v"),
    )
    sent = len(stream.bodies(topics.LEAD_SCORES))
    stream.send(event("page_view", "d", 20, lead_id="L"))
    assert stream.lead("L").samples == []
    assert len(stream.bodies(topics.LEAD_SCORES)) == sent


@pytest.mark.parametrize(
    ("purpose", "call", "mail"), [("nurturing", 1, 1), ("email", 0, 1), ("other", 0, 0)]
)
def test_triggers_are_held_back_from_who_refused(purpose, call, mail):
    stream = LeadStream()
    stream.send(
        consent(purpose, False, 0, lead_id="L"),
        event("form_fill", "a", 10, lead_id="L"),
    )
    stream.tick(30 * DAY_S)
    assert stream.suppressed["high_intent", "no_consent"] == call
    assert stream.suppressed["absence", "no_consent"] == mail
    rules = {b["rule"] for b in stream.bodies(topics.NURTURE_TRIGGERS)}
    assert rules.isdisjoint({"high_intent"} if call else set())
    assert rules.isdisjoint({"absence"} if mail else set())


def test_an_unsubscribed_lead_gets_calls_and_no_mails():
    stream = LeadStream()
    stream.send(
        event("email_unsubscribe", "u", 0, lead_id="L"),
        event("form_fill", "a", 10, lead_id="L"),
    )
    stream.tick(30 * DAY_S)
    rules = {b["rule"] for b in stream.bodies(topics.NURTURE_TRIGGERS)}
    assert "high_intent" in rules
    assert "absence" not in rules


def test_a_trigger_held_back_does_not_start_its_cooldown():
    stream = LeadStream()
    stream.send(
        consent("nurturing", False, 0, lead_id="L"),
        event("form_fill", "a", 10, lead_id="L"),
        consent("nurturing", True, 20, lead_id="L"),
        event("form_fill", "b", 30, lead_id="L"),
    )
    rules = [b["rule"] for b in stream.bodies(topics.NURTURE_TRIGGERS)]
    assert rules.count("high_intent") == 1
