"""Labels ahead of their horizon, samples of negatives, and verdicts of sales."""

from dataclasses import replace

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from schemas.learning import TrainingExample
from stream.lead import labels
from stream.lead.house import House
from stream.lead.state import LeadState

EARLY = House(horizon_s=100.0, samples_per_lead=3, labels="fake_negative", fake_negative_s=10.0)


def sampled(n, lead_id="L", p=0.5):
    state = LeadState.new(lead_id, 0.0)
    for i in range(n):
        labels.keep_sample(state, float(i), p, {"i": float(i)}, EARLY)
    return state


def told(outputs):
    bodies = [orjson.loads(o.value or b"") for o in outputs]
    return [(b["x"]["i"], b["y"], b["weight"], b["source"]) for b in bodies]


def test_silence_is_taken_for_a_negative_ahead_of_the_horizon_and_taught_once():
    state = sampled(2)
    assert labels.next_label_s(state, EARLY) == 10.0
    assert told(labels.label_by_silence(state, 10.0, EARLY)) == [(0.0, False, 1.0, "assumed")]
    assert labels.next_label_s(state, EARLY) == 11.0
    assert told(labels.label_by_silence(state, 50.0, EARLY)) == [(1.0, False, 1.0, "assumed")]
    assert labels.next_label_s(state, EARLY) == 100.0
    assert labels.label_by_silence(state, 200.0, EARLY) == []
    assert state.samples == []


@pytest.mark.parametrize(("p", "weight"), [(0.5, 2.0), (0.75, 4.0), (0.99, 10.0)])
def test_a_conversion_after_all_undoes_the_negative(p, weight):
    state = sampled(1, p=p)
    labels.label_by_silence(state, 50.0, EARLY)
    ((_, y, found, source),) = told(labels.label_by_outcome(state, "won", 60.0, EARLY))
    assert (y, source) == (True, "corrected")
    assert found == pytest.approx(weight)


@pytest.mark.parametrize(("result", "at_s"), [("lost", 60.0), ("won", 150.0)])
def test_a_negative_that_was_right_is_not_taught_again(result, at_s):
    state = sampled(1)
    labels.label_by_silence(state, 50.0, EARLY)
    assert labels.label_by_outcome(state, result, at_s, EARLY) == []


def test_a_horizon_that_ends_sooner_is_waited_for():
    house = replace(EARLY, fake_negative_s=100.0)
    state = sampled(1)
    assert labels.next_label_s(state, house) == 100.0
    (taught,) = told(labels.label_by_silence(state, 100.0, house))
    assert taught[3] == "silence"


def test_what_was_assumed_survives_a_restart():
    stream = LeadStream(house=HOUSE)
    stream.send(event("activity", "a", 0, lead_id="L"))
    stream.tick(HOUSE.fake_negative_s)
    assert [b["source"] for b in stream.bodies(topics.TRAINING_EXAMPLES)] == ["assumed"]
    stream.restart()
    assert stream.lead("L").samples[0].is_assumed
    stream.send(event("outcome", "o", HOUSE.fake_negative_s + 60, lead_id="L"))
    last = stream.bodies(topics.TRAINING_EXAMPLES)[-1]
    assert (last["y"], last["source"]) == (True, "corrected")


def test_a_share_of_the_negatives_stands_for_all_of_them():
    house = replace(EARLY, labels="wait", negatives_share=0.25)
    taught = []
    for n in range(2_000):
        taught += told(labels.label_by_outcome(sampled(1, f"L{n}"), "lost", 5.0, house))
    assert 420 < len(taught) < 580
    assert {weight for _, _, weight, _ in taught} == {4.0}
    again = labels.label_by_outcome(sampled(1, "L0"), "lost", 5.0, house)
    assert again == labels.label_by_outcome(sampled(1, "L0"), "lost", 5.0, house)


def test_every_positive_is_taught():
    house = replace(EARLY, negatives_share=0.01)
    for n in range(20):
        assert len(labels.label_by_outcome(sampled(1, f"L{n}"), "won", 5.0, house)) == 1


def verdicts(house, *events):
    stream = LeadStream(house=house)
    stream.send(event("page_view", "v", 0, lead_id="L"), *events)
    return [b for b in stream.bodies(topics.TRAINING_EXAMPLES) if b["source"] == "feedback"]


@pytest.mark.parametrize(("verdict", "y"), [("accepted", True), ("rejected", False)])
def test_a_verdict_of_sales_teaches_the_vector_before_it(verdict, y):
    said = event("sales_feedback", "f", 60, lead_id="L", verdict=verdict)
    (body,) = verdicts(replace(HOUSE, feedback_weight=0.25), said)
    TrainingExample.model_validate_json(orjson.dumps(body))
    assert (body["model"], body["y"], body["weight"]) == ("p_convert", y, 0.25)
    assert not any("sales_feedback" in name for name in body["x"])
    assert 0.0 < body["p_convert"] < 1.0


def test_a_verdict_teaches_nothing_where_it_is_switched_off_or_comes_too_late():
    said = event("sales_feedback", "f", 60, lead_id="L", verdict="accepted")
    assert verdicts(replace(HOUSE, feedback_weight=0.0), said) == []
    assert verdicts(HOUSE, event("outcome", "o", 30, lead_id="L", result="lost"), said) == []
    stream = LeadStream(house=HOUSE)
    stream.send(said)  # of somebody of whom nothing is known
    assert stream.bodies(topics.TRAINING_EXAMPLES) == []


def test_the_outcome_still_labels_the_leads_own_vectors_with_their_whole_weight():
    stream = LeadStream(house=HOUSE)
    stream.send(
        event("page_view", "v", 0, lead_id="L"),
        event("sales_feedback", "f", 60, lead_id="L", verdict="rejected"),
        event("outcome", "o", DAY_S, lead_id="L", result="won"),
    )
    examples = stream.bodies(topics.TRAINING_EXAMPLES)
    assert [(b["y"], b["weight"]) for b in examples] == [(False, 0.25), (True, 1.0), (True, 1.0)]
