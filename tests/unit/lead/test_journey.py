import pytest

from stream.lead.actions import parse_catalogue
from stream.lead.journey import Facts, is_of_age, next_due_s, next_stage

STAGES = parse_catalogue("""
[[action]]
name = "nothing"
channel = "none"
rules = ["high_intent", "tier_rose", "tier_fell", "absence", "stage_age"]

[[stage]]
name = "Known"
enter.attributes.company_size.at_least = 1

[[stage]]
name = "Engaged"
enter.min_score = 40
leave = { to = "Known", max_score = 20 }
after_s = 100

[[stage]]
name = "Qualified"
enter = { event = "form_fill", where.form_kind.equals = "demo_request", tiers = ["warm", "hot"] }
leave = { to = "Engaged", tiers = ["cold"], after_s = 50 }

[[stage]]
name = "Opportunity"
after_s = 30
""").stage

DEMO = {"type": "form_fill", "form_kind": "demo_request"}


def goes_to(stage, score=0.0, tier="cold", event=None, attributes=None, **times):
    facts = Facts(score, tier, attributes or {}, event, times.get("held_until_s"))
    return next_stage(stage, times.get("entered_s", 0.0), facts, times.get("now_s", 0.0), STAGES)


def test_without_stages_of_the_house_nothing_moves():
    assert next_stage("Known", 0.0, Facts(99.0, "hot", {}), 1e9, ()) is None
    assert next_due_s("Known", 0.0, 0.0, ()) is None
    assert not is_of_age("Known", 0.0, 0.0, ())


def test_a_lead_goes_forward_as_far_as_it_is_let_in():
    assert goes_to(None, attributes={"company_size": 5}) == "Known"
    assert goes_to(None, 50.0, attributes={"company_size": 5}) == "Engaged"
    assert goes_to("known", 90.0, "hot", DEMO) == "Qualified"
    assert goes_to("Known", 30.0) is None


def test_all_that_a_stage_asks_for_must_hold():
    assert goes_to("Engaged", 90.0, "cold", DEMO) is None
    assert goes_to("Engaged", 90.0, "hot", DEMO | {"form_kind": "contact"}) is None
    assert goes_to("Engaged", 90.0, "hot") is None
    assert goes_to("Engaged", 90.0, "hot", {"type": "page_view"}) is None


def test_nobody_falls_back_by_what_lets_it_into_an_earlier_stage():
    assert goes_to("Opportunity", 50.0, "hot", DEMO) is None
    assert goes_to("Qualified", 50.0, "warm") is None


def test_a_lead_is_recycled_where_its_stage_says_and_not_before():
    assert goes_to("Engaged", 20.0) == "Known"
    assert goes_to("Engaged", 20.1) is None
    assert goes_to("Qualified", 20.0, now_s=59.9, entered_s=10.0) is None
    assert goes_to("Qualified", 20.0, now_s=60.0, entered_s=10.0) == "Engaged"


def test_the_crms_word_holds_for_its_time_and_its_own_stages_for_good():
    assert goes_to("Known", 50.0, held_until_s=100.0, now_s=99.9) is None
    assert goes_to("Known", 50.0, held_until_s=100.0, now_s=100.0) == "Engaged"
    assert goes_to("In negotiation", 99.0, "hot", DEMO, now_s=1e9) is None


@pytest.mark.parametrize(
    ("stage", "due_s", "of_age"),
    [("engaged", 110.0, True), ("Qualified", 60.0, False), ("Opportunity", 40.0, True),
     ("Known", None, False), ("In negotiation", None, False), (None, None, False)],
)  # fmt: skip
def test_time_alone_is_due_once(stage, due_s, of_age):
    assert next_due_s(stage, 10.0, 10.0, STAGES) == due_s
    if due_s is not None:
        assert next_due_s(stage, 10.0, due_s, STAGES) is None
        assert is_of_age(stage, 10.0, due_s, STAGES) == of_age
