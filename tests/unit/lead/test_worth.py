"""What triggers say that leads are worth."""

from dataclasses import replace
from typing import Any

import orjson
from lead_stream import DAY_S, HOUSE, START_S, LeadStream, event

from online_models.bg_nbd import BgNbd
from online_models.gamma_gamma import GammaGamma
from online_models.served_lifetime_value import LIBRARY, SCHEMA, ServedLifetimeValue
from schemas import topics
from schemas.triggers import NurtureTriggered
from stream.lead.actions import parse_catalogue
from stream.lead.outputs import epoch_s
from stream.lead.worth import MODEL

CATALOGUE = parse_catalogue("""
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[governance]
cooldown_s.high_intent = 0
""")
TELLS = replace(HOUSE, logs_milestones=True, catalogue=CATALOGUE)
SERVED = ServedLifetimeValue(BgNbd(0.243, 30.9, 0.793, 2.426), GammaGamma(9.88, 3.4, 793.0))


def serve(stream: LeadStream) -> None:
    body = {
        "type": "model_snapshot", "model": MODEL, "version": "bg_nbd-7", "examples": 7,
        "positives": 0, "snapshot_schema": SCHEMA, "library": LIBRARY, "state": SERVED.snapshot(),
    }  # fmt: skip
    stream.store.put(f"{MODEL}/bg_nbd-7", orjson.dumps(body))
    use = {"type": "use_model", "model": MODEL, "version": "bg_nbd-7"}
    stream.append(0, None, orjson.dumps(use), [])


def asked(stream: LeadStream, event_id: str, after_s: float) -> NurtureTriggered:
    stream.send(event("form_fill", event_id, after_s, lead_id="L"))
    body = stream.bodies(topics.NURTURE_TRIGGERS)[-1]
    return NurtureTriggered.model_validate_json(orjson.dumps(body))


def test_a_lead_is_worth_what_it_may_become_and_a_customer_what_it_will_buy():
    stream = LeadStream(house=TELLS)
    assert asked(stream, "f0", 0.0).expected_value is None
    serve(stream)
    lead = asked(stream, "f1", 60.0)
    new_minor = SERVED.predict_new_minor(365.0)
    assert new_minor is not None
    p_convert = stream.lead("L").p_convert
    assert lead.expected_value is not None
    assert lead.expected_value.value_minor == round(p_convert * new_minor)
    assert lead.expected_value.alive_probability is None
    for n, day in enumerate((1, 20)):
        buy(stream, f"p{n}", day)
    customer = asked(stream, "f2", 50 * DAY_S).expected_value
    assert customer is not None
    history = stream.lead("L").milestones.bought
    found = SERVED.predict_one(history, int((START_S + 50 * DAY_S) // DAY_S), 365.0)
    assert customer.value_minor == round(found.value_minor)
    assert customer.alive_probability == found.alive_probability
    assert customer.currency == "EUR"


CALLS_CUSTOMERS = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
eligible.outcomes = ["open", "won"]
"""
RETAINS = parse_catalogue(
    CALLS_CUSTOMERS
    + """
[[action]]
name = "retention_call"
channel = "phone"
rules = ["churn_risk"]
eligible.outcomes = ["open", "won"]
"""
)


def buy(stream: LeadStream, event_id: str, day: float) -> None:
    bought = {"value_minor": 5_000, "currency": "EUR"}
    stream.send(event("purchase", event_id, day * DAY_S, lead_id="L", **bought))


def silences(stream: LeadStream, every_days: int, until_days: int) -> list[tuple[str, float]]:
    """Have a lead buy five times, and fall silent; return what its silence was an occasion for."""
    serve(stream)
    for n in range(5):
        buy(stream, f"p{n}", n * every_days)
    last_day = 4 * every_days
    for day in range(1, until_days):
        stream.tick((last_day + day) * DAY_S)
    bodies = stream.bodies(topics.NURTURE_TRIGGERS)
    return [
        (body["rule"], round(after_s(body) / DAY_S) - last_day)
        for body in bodies
        if after_s(body) > last_day * DAY_S
    ]


def after_s(body: dict[str, Any]) -> float:
    return epoch_s(body["occurred_at"]) - START_S


def test_a_customers_silence_is_judged_by_how_often_it_used_to_buy():
    retains = replace(TELLS, catalogue=RETAINS)
    (often,) = silences(LeadStream(house=retains), every_days=7, until_days=400)
    (seldom,) = silences(LeadStream(house=retains), every_days=60, until_days=700)
    assert (often[0], seldom[0]) == ("churn_risk", "churn_risk"), "once each"
    assert often[1] < seldom[1] / 2


def test_where_no_action_answers_it_a_silence_is_an_absence():
    without = replace(TELLS, catalogue=parse_catalogue(CALLS_CUSTOMERS))
    assert silences(LeadStream(house=without), every_days=7, until_days=40) == [("absence", 7)]


def test_before_a_second_purchase_a_silence_is_an_absence():
    stream = LeadStream(house=replace(TELLS, catalogue=RETAINS))
    serve(stream)
    buy(stream, "p", 0)
    stream.tick(10 * DAY_S)
    assert [body["rule"] for body in stream.bodies(topics.NURTURE_TRIGGERS)] == ["absence"]
