"""Whom nurturing helps and whom it drives away: from decisions to examples, and back."""

from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from schemas.learning import TrainingExample
from schemas.triggers import NurtureTriggered
from stream.lead.actions import parse_catalogue
from stream.lead.enrolment import TASK
from stream.lead.hashing import unit_interval
from stream.lead.house import House
from stream.lead.learner import decoded
from stream.lead.point_rules import PointRules
from stream.lead.state import LeadState, StateFormatError
from stream.lead.stored_form import encode_state, read_row
from stream.lead.stored_state import check_state
from stream.lead.triggers import is_holdout
from stream.lead.uplift_learner import UpliftLearner

CATALOGUE = """
[[action]]
name = "mail"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[[action]]
name = "nothing"
channel = "none"
rules = ["high_intent"]

[governance]
cooldown_s.high_intent = 0
"""
ALERT = """
[[action]]
name = "alert"
channel = "sales"
rules = ["high_intent"]
"""
COMPARES = replace(
    HOUSE,
    catalogue=parse_catalogue(CATALOGUE),
    holdout_share=0.3,
    points=PointRules(),  # so that no tier is left, and asking is the one occasion
    absence_s=300 * DAY_S,
    horizon_s=10 * DAY_S,
    labels="wait",
    tasks=frozenset(),
)
TREATED, HELD_OUT = (
    [f"L{n}" for n in range(400) if is_holdout(f"L{n}", COMPARES) is held] for held in (False, True)
)
WINS = {"known": (0.1, 0.4), "proposal": (0.5, 0.15)}
"""Stage -> how probably its leads win, held out and treated."""


def ask(stream: LeadStream, lead_id: str, stage: str = "known", after_s: float = 0.0) -> None:
    """Let a lead of a stage ask for a demo."""
    ids = (f"{lead_id} {after_s} {n}" for n in range(2))
    stream.send(event("stage_change", next(ids), after_s, lead_id=lead_id, stage=stage))
    stream.send(event("form_fill", next(ids), after_s, lead_id=lead_id))


def triggers(stream: LeadStream) -> dict[str, NurtureTriggered]:
    found = [o.value for o in stream.outputs if o.topic == topics.NURTURE_TRIGGERS.name]
    read = [NurtureTriggered.model_validate_json(value or b"") for value in found]
    return {one.lead_id: one for one in read}


def taught(stream: LeadStream) -> list[TrainingExample]:
    found = []
    for output in stream.outputs:
        if output.topic == topics.TRAINING_EXAMPLES.name and output.key == TASK.encode():
            example = decoded(output.value or b"")
            assert isinstance(example, TrainingExample)
            found.append(example)
    return found


def serve(stream: LeadStream, learner: UpliftLearner) -> None:
    record = learner.snapshot()
    stream.store.put(record.key.decode(), record.value)
    body = {"type": "use_model", "model": TASK, "version": learner.version}
    stream.append(0, None, orjson.dumps(body), [])


def example_of(x: dict[str, Any], *, is_treated: bool | None, y: bool) -> TrainingExample:
    return TrainingExample(
        model=TASK,
        x=x,
        y=y,
        weight=1.0,
        p_convert=0.3,
        occurred_at="2026-03-01T09:30:00Z",
        labelled_at="2026-03-09T09:30:00Z",
        is_treated=is_treated,
    )


def vectors(house: House) -> dict[str, dict[str, Any]]:
    """Return what is learned by, of a lead of each stage."""
    stream = LeadStream(house=house)
    found = {}
    for lead_id, stage in zip(TREATED, WINS, strict=False):
        ask(stream, lead_id, stage)
        enrolled = stream.lead(lead_id).enrolled
        assert enrolled is not None
        found[stage] = enrolled.samples[0].x
    return found


def learner_of(leads: int, seed: int = 1, held_out_share: float = 0.3) -> UpliftLearner:
    learner, random, known = UpliftLearner(), Random(seed), vectors(COMPARES)
    for offset in range(leads):
        stage = random.choice(list(WINS))
        is_treated = random.random() >= held_out_share
        y = random.random() < WINS[stage][is_treated]
        assert learner.learn(example_of(known[stage], is_treated=is_treated, y=y), offset)
    return learner


@pytest.fixture(scope="module")
def learned() -> UpliftLearner:
    return learner_of(2_500)


def test_the_first_decision_enrols_a_lead_in_the_arm_that_it_was_dealt():
    stream = LeadStream(house=COMPARES)
    for lead_id in (TREATED[0], HELD_OUT[0]):
        ask(stream, lead_id)
        ask(stream, lead_id, "proposal", DAY_S)
        stream.restart()
        stream.send(event("outcome", f"o{lead_id}", 2 * DAY_S, lead_id=lead_id))
    treated, held_out = taught(stream)
    assert (treated.is_treated, held_out.is_treated) == (True, False)
    for told in (treated, held_out):
        assert (told.y, told.weight, told.source) == (True, 1.0, "outcome")
        assert (told.x["stage"], told.x["rule"]) == ("known", "high_intent")
        assert not {"contacts", "since_trigger"} & told.x.keys()
    assert [t.action for t in triggers(stream).values()] == ["mail", "nothing"]
    state = stream.lead(TREATED[0])
    assert state.enrolled is not None
    assert state.enrolled.samples == []


def test_a_stored_enrolment_is_read_whole_and_comes_back():
    stream = LeadStream(house=COMPARES)
    ask(stream, TREATED[0])
    state = stream.lead(TREATED[0])
    body = read_row(encode_state(state)).body
    check_state(body)
    assert LeadState.from_json(orjson.loads(body)).enrolled == state.enrolled
    for wrong in ([True], [1, []], [True, [[1.0, 2.0, {}]]], [True, [[1.0, 0.5, {}]] * 2]):
        with pytest.raises(StateFormatError, match="enrolled"):
            check_state(orjson.dumps(orjson.loads(body) | {"enrolled": wrong}))


def test_silence_to_the_horizon_is_a_negative_and_ahead_of_it_is_taken_for_one():
    for labels, sources in (("wait", ["silence"]), ("fake_negative", ["assumed"])):
        house = replace(COMPARES, labels=labels, fake_negative_s=2 * DAY_S)
        stream = LeadStream(house=house)
        ask(stream, HELD_OUT[0])
        stream.tick(11 * DAY_S)
        assert [(e.y, e.source) for e in taught(stream)] == [(False, s) for s in sources]


def test_who_converts_after_all_is_corrected():
    stream = LeadStream(house=replace(COMPARES, labels="fake_negative", fake_negative_s=2 * DAY_S))
    ask(stream, TREATED[0])
    stream.tick(5 * DAY_S)
    stream.send(event("outcome", "o", 6 * DAY_S, lead_id=TREATED[0]))
    first, corrected = taught(stream)
    assert (first.y, first.source, corrected.y, corrected.source) == (
        *(False, "assumed"),
        *(True, "corrected"),
    )
    assert corrected.weight == pytest.approx(1.0 / (1.0 - corrected.p_convert))


def test_every_lead_of_the_comparison_is_taught_where_negatives_are_thinned():
    stream = LeadStream(house=replace(COMPARES, negatives_share=0.01))
    for lead_id in TREATED[:30]:
        ask(stream, lead_id)
    stream.tick(11 * DAY_S)
    assert [e.weight for e in taught(stream)] == [1.0] * 30


def test_what_came_before_the_decision_or_after_the_horizon_is_no_success_of_it():
    stream = LeadStream(house=COMPARES)
    for lead_id in TREATED[:2]:
        ask(stream, lead_id, after_s=DAY_S)
    stream.send(event("outcome", "early", DAY_S / 2, lead_id=TREATED[0]))
    assert taught(stream) == []
    stream.send(event("outcome", "late", 12 * DAY_S, lead_id=TREATED[1]))
    assert [e.y for e in taught(stream)] == [False]


def test_without_a_decision_or_a_control_group_nobody_is_enrolled():
    stream = LeadStream(house=COMPARES)
    stream.send(event("consent", "c", 0.0, lead_id="L", purpose="nurturing", granted=False))
    ask(stream, "L")
    assert stream.lead("L").enrolled is None
    off = LeadStream(house=replace(COMPARES, holdout_share=0.0))
    ask(off, "L")
    assert triggers(off)["L"].uplift is None
    assert off.lead("L").enrolled is None
    assert "enrolled" not in off.lead("L").to_json()


def test_who_may_not_be_learned_from_leaves_the_comparison_and_does_not_come_back():
    stream = LeadStream(house=COMPARES)
    one, other, away = TREATED[:3]
    for lead_id in (one, other, away):
        ask(stream, lead_id)
    stream.send(event("consent", "c", 10.0, lead_id=one, purpose="scoring", granted=False))
    stream.send(event("consent", "d", 20.0, lead_id=one, purpose="scoring", granted=True))
    stream.send(event("lead_merge", "m", 30.0, lead_id=other, into_lead_id=away))
    for lead_id in (one, away):
        ask(stream, lead_id, after_s=DAY_S)
        enrolled = stream.lead(lead_id).enrolled
        assert enrolled is not None
        assert enrolled.samples == []
    stream.tick(20 * DAY_S)
    assert taught(stream) == []


def test_sleeping_dogs_are_left_alone_and_persuadables_are_told(learned):
    stream = LeadStream(house=COMPARES)
    serve(stream, learned)
    for lead_id in (*TREATED[:20], *HELD_OUT[:20]):
        ask(stream, lead_id, "proposal")
    assert stream.suppressed == {("high_intent", "do_not_disturb"): 40}
    assert triggers(stream) == {}
    assert all(stream.lead(lead_id).enrolled is None for lead_id in TREATED[:20])
    for lead_id in (TREATED[20], HELD_OUT[20]):
        ask(stream, lead_id, "known")
    persuadable, held_out = triggers(stream).values()
    assert persuadable.uplift == held_out.uplift == pytest.approx(0.3, abs=0.12)
    assert (persuadable.action, held_out.action) == ("mail", "nothing")


def test_a_share_goes_on_as_before_so_that_the_finding_stays_tested(learned):
    stream = LeadStream(house=replace(COMPARES, retest_share=0.2))
    serve(stream, learned)
    for lead_id in TREATED:
        ask(stream, lead_id, "proposal")
    again = set(triggers(stream))
    assert again == {one for one in TREATED if unit_interval("uplift retest", one) < 0.2}
    assert 0.1 < len(again) / len(TREATED) < 0.3
    assert all(trigger.uplift < 0.0 for trigger in triggers(stream).values())
    assert all(stream.lead(one).enrolled.samples for one in again)


def test_what_reaches_nobody_is_done_all_the_same_but_compares_nothing(learned):
    stream = LeadStream(house=replace(COMPARES, catalogue=parse_catalogue(ALERT + CATALOGUE)))
    serve(stream, learned)
    for lead_id in (TREATED[0], HELD_OUT[0]):
        ask(stream, lead_id, "proposal")
    alert, held_out = triggers(stream).values()
    assert (alert.action, held_out.action, held_out.is_holdout) == ("alert", "nothing", True)
    assert {c.action for c in alert.candidates} == {"alert", "nothing"}
    for lead_id in (TREATED[0], HELD_OUT[0]):
        assert stream.lead(lead_id).enrolled.samples == []


def test_the_house_rules_come_first(learned):
    capped = "[governance.most_contacts]\nall = { per_week = 1 }\n"
    house = replace(COMPARES, catalogue=parse_catalogue(CATALOGUE + capped))
    stream = LeadStream(house=house)
    serve(stream, learned)
    ask(stream, TREATED[0], "known")
    ask(stream, TREATED[0], "known", DAY_S)
    ask(stream, TREATED[0], "proposal", 2 * DAY_S)
    stream.send(event("consent", "c", 0.0, lead_id="M", purpose="nurturing", granted=False))
    ask(stream, "M", "proposal")
    assert stream.suppressed == {
        ("high_intent", "frequency_cap"): 2,
        ("high_intent", "no_consent"): 1,
    }


def test_without_evidence_there_is_silence():
    stream = LeadStream(house=COMPARES)
    few = learner_of(300, held_out_share=0.05)  # a handful of held-out leads, a few won
    serve(stream, few)
    for stage, lead_id in zip(WINS, TREATED, strict=False):
        ask(stream, lead_id, stage)
    assert [t.uplift for t in triggers(stream).values()] == [None, None]
    assert stream.suppressed == {}


def test_a_version_from_when_there_was_a_control_group_decides_nothing_any_more(learned):
    stream = LeadStream(house=replace(COMPARES, holdout_share=0.0))
    serve(stream, learned)
    ask(stream, "L", "proposal")
    assert triggers(stream)["L"].uplift is None


def test_a_replay_decides_the_same_to_the_bit(learned):
    first, second = (LeadStream(house=replace(COMPARES, retest_share=0.3)) for _ in range(2))
    for stream in (first, second):
        for n, lead_id in enumerate([*TREATED[:15], *HELD_OUT[:15]] * 2):
            if n == 20:
                serve(stream, learned)
            if n in {25, 40} and stream is second:
                stream.restart()
            ask(stream, lead_id, "proposal" if n % 3 else "known", n * 3_600.0)
        stream.tick(30 * DAY_S)
    assert first.suppressed["high_intent", "do_not_disturb"] > 0
    assert first.outputs == second.outputs
    assert first.states() == second.states()
