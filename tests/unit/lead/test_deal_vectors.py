"""What a won deal tells of its lead, and what a lead's own deal makes of its expected value."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from lead_stream import HOUSE, LeadStream, event

from online_models.deal_value import DealValueModel
from online_models.served_deal_value import LIBRARY, SCHEMA, ServedDealValue
from schemas import topics
from schemas.milestones import JourneyEnded
from stream.lead.actions import parse_catalogue
from stream.lead.deal_vectors import MAX_VECTORS
from stream.lead.worth import DEAL_MODEL
from stream.models import SnapshotStore
from stream.reports.learner import ReportLearner
from stream.reports.report import Terms

CALLS = parse_catalogue("""
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[governance]
cooldown_s.high_intent = 0
""")
TELLS = replace(HOUSE, logs_milestones=True, catalogue=CALLS)
WORTH = {"value_minor": 500_000, "currency": "EUR"}


def told(stream: LeadStream) -> list[JourneyEnded]:
    return [
        JourneyEnded.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "journey_ended"
    ]


def ends(stream: LeadStream, number: int = 9, **outcome: Any) -> JourneyEnded:
    stream.send(event("outcome", f"o{number}", 60.0 * number, lead_id="L", **outcome))
    return told(stream)[-1]


def shows(stream: LeadStream, lead: str = "L", times: int = 1, first: int = 0) -> None:
    for number in range(first, first + times):
        stream.send(event("page_view", f"{lead}-v{number}", 60.0 * number, lead_id=lead))


def test_a_won_deal_tells_what_its_lead_was_scored_with_before():
    stream = LeadStream(house=TELLS)
    profile = {"seats": 40, "plan": "team"}
    stream.send(event("lead_profile", "p", lead_id="L", attributes=profile))
    shows(stream, times=2, first=1)
    kept = [dict(sample.x) for sample in stream.lead("L").samples]
    ended = ends(stream, **WORTH)
    assert list(ended.vectors) == kept
    assert len(kept) == TELLS.samples_per_lead == 2
    assert ended.vectors[0]["attribute:plan"] == "team"
    taught = [
        body["x"] for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "training_example"
    ]  # fmt: skip
    assert taught == kept, "the labels are taught all the same"


@pytest.mark.parametrize(
    "outcome",
    [
        {"result": "lost", **WORTH},
        {"value_minor": 500_000},
        {"value_minor": 0, "currency": "EUR"},
        {},
    ],
)
def test_of_another_end_nothing_more_is_told(outcome):
    stream = LeadStream(house=TELLS)
    shows(stream)
    assert ends(stream, **outcome).vectors == ()


def test_what_is_known_after_the_deal_is_not_told_and_a_second_win_tells_nothing():
    stream = LeadStream(house=replace(TELLS, samples_per_lead=8))
    shows(stream, times=3)
    stream.send(event("outcome", "late", 70.0, lead_id="L", **WORTH))
    (ended,) = told(stream)
    assert len(ended.vectors) == 2, "the third is of 120 s"
    shows(stream, times=2, first=5)
    assert ends(stream, **WORTH).vectors == ()


@pytest.mark.parametrize(("kept", "of"), [(8, 8), (9, 5), (32, 8)])
def test_many_vectors_are_thinned_out_evenly(kept, of):
    stream = LeadStream(house=replace(TELLS, samples_per_lead=kept))
    shows(stream, times=kept)
    before = [dict(sample.x) for sample in stream.lead("L").samples]
    ended = ends(stream, number=kept, **WORTH)
    assert len(ended.vectors) == of <= MAX_VECTORS
    assert ended.vectors[0] == before[0]
    assert ended.vectors[-1] in before[-kept // of :]


def test_no_one_is_named_and_without_consent_nothing_is_told():
    house = replace(TELLS, erasure_key=b"a key for tests")
    stream = LeadStream(house=house)
    shows(stream, lead="lead-4711")
    stream.send(event("outcome", "o", 60.0, lead_id="lead-4711", **WORTH))
    body = next(b for b in stream.bodies(topics.TRAINING_EXAMPLES) if b["type"] == "journey_ended")
    assert body["vectors"]
    assert "4711" not in orjson.dumps(body).decode()
    shows(stream, lead="N")
    refused = {"purpose": "scoring", "granted": False}
    stream.send(event("consent", "c", 60.0, lead_id="N", **refused))
    stream.send(event("outcome", "o2", 120.0, lead_id="N", **WORTH))
    assert len(told(stream)) == 1


def served(deals: int) -> dict[str, Any] | None:
    """Return what deals teach of which those of the plan "team" are worth ten times as much."""
    model = DealValueModel()
    for number in range(deals):
        plan = ("team", "single")[number % 2]
        value = (1_000_000, 100_000)[number % 2] * (1.0 + 0.01 * (number % 7))
        model.learn_one([{"attribute:plan": plan}], value)
    return model.snapshot()


def serve(stream: LeadStream, state: dict[str, Any]) -> None:
    version = "bayesian_regression-7"
    body = {
        "type": "model_snapshot", "model": DEAL_MODEL, "version": version, "examples": 7,
        "positives": 0, "snapshot_schema": SCHEMA, "library": LIBRARY, "state": state,
    }  # fmt: skip
    stream.store.put(f"{DEAL_MODEL}/{version}", orjson.dumps(body))
    use = {"type": "use_model", "model": DEAL_MODEL, "version": version}
    stream.append(0, None, orjson.dumps(use), [])


def asks(stream: LeadStream, lead: str, plan: str, number: int = 0) -> dict[str, Any] | None:
    profile = {"attributes": {"plan": plan}}
    stream.send(event("lead_profile", f"{lead}-p{number}", lead_id=lead, **profile))
    stream.send(event("form_fill", f"{lead}-f{number}", 60.0, lead_id=lead))
    body = stream.bodies(topics.NURTURE_TRIGGERS)[-1]
    assert body["lead_id"] == lead
    worth: dict[str, Any] | None = body["expected_value"]
    return worth


def test_each_lead_is_worth_its_own_deal_times_its_probability():
    stream = LeadStream(house=TELLS)
    state = served(200)
    assert state is not None
    assert asks(stream, "A", "team") is None
    serve(stream, state)
    model = ServedDealValue.restore(state)
    worth = {}
    for plan in ("team", "single"):
        told = asks(stream, plan, plan)
        assert told is not None
        worth[plan] = told["value_minor"]
        p_convert = stream.lead(plan).p_convert
        brings = model.predict_one({"attribute:plan": plan}).expected_minor
        assert worth[plan] == round(p_convert * brings)
        assert told["currency"] == "EUR"
    assert worth["team"] > 5 * worth["single"] > 0


def test_below_20_deals_nothing_is_published():
    assert served(19) is None
    assert served(20) is not None


def test_a_customer_is_not_a_deal():
    stream = LeadStream(house=TELLS)
    state = served(40)
    assert state is not None
    serve(stream, state)
    stream.send(event("purchase", "b", lead_id="L", value_minor=5_000, currency="EUR"))
    assert asks(stream, "L", "team") is None


@pytest.mark.parametrize("broken", [{"deals": -1}, {"numbers": None}, {"schema": 9}])
def test_a_broken_version_is_refused_and_the_mean_stays(broken: dict[str, Any]):
    stream = LeadStream(house=TELLS)
    state = served(40)
    assert state is not None
    serve(stream, state | broken)
    assert asks(stream, "L", "team") is None


def test_without_milestones_the_version_is_not_used():
    stream = LeadStream(house=replace(TELLS, logs_milestones=False))
    state = served(40)
    assert state is not None
    serve(stream, state)
    assert asks(stream, "L", "team") is None


def test_deals_of_the_fold_come_to_serve_the_fold_and_a_restart_changes_nothing():
    """From events to the expected value of a lead that has won nothing yet, twice the same."""
    streams = LeadStream(house=TELLS), LeadStream(house=TELLS)
    outputs = []
    for stream, restarts in zip(streams, (False, True), strict=True):
        for number in range(40):
            lead, plan = f"W{number}", ("team", "single")[number % 2]
            at_s = 600.0 * number
            value = {"value_minor": (900_000, 90_000)[number % 2] + number, "currency": "EUR"}
            profile = {"attributes": {"plan": plan}}
            stream.send(event("lead_profile", f"{lead}-p", at_s, lead_id=lead, **profile))
            stream.send(event("page_view", f"{lead}-v", at_s + 60.0, lead_id=lead))
            if restarts and number % 7 == 0:
                stream.restart()
            stream.send(event("outcome", f"{lead}-o", at_s + 120.0, lead_id=lead, **value))
        learner = ReportLearner(DEAL_MODEL, Terms("EUR"))
        for offset, milestone in enumerate(told(stream)):
            learner.learn(milestone, offset)
        state = learner.served()
        assert state is not None
        assert state["deals"] == 40
        record = learner.snapshot(state)
        stream.store.put(record.key.decode(), record.value)
        use = {"type": "use_model", "model": DEAL_MODEL, "version": learner.version}
        stream.append(0, None, orjson.dumps(use), [])
        if restarts:
            stream.restart()
        worth = [asks(stream, f"new-{plan}", plan) for plan in ("team", "single")]
        assert None not in worth
        outputs.append([output.value for output in stream.outputs])
    assert outputs[0] == outputs[1]
    assert streams[0].states() == streams[1].states()


def test_a_store_finds_it_by_its_version():
    store = SnapshotStore()
    assert store.deal_value("bayesian_regression-1") is None
