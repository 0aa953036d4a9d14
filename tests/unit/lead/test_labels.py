import orjson
import pytest

from stream.lead import labels
from stream.lead.house import House
from stream.lead.state import LeadState

HOUSE = House(horizon_s=100.0, samples_per_lead=3)


def sampled(n, lead_id="L", house=HOUSE):
    state = LeadState.new(lead_id, 0.0)
    for i in range(n):
        labels.keep_sample(state, float(i), 0.5, {"i": float(i)}, house)
    return state


def taught(outputs):
    return [(orjson.loads(o.value or b"")["x"]["i"], orjson.loads(o.value or b"")["y"])
            for o in outputs]  # fmt: skip


def test_the_sample_is_bounded_and_the_same_on_replay():
    state = sampled(5_000)
    assert len(state.samples) == 3
    assert state.samples == sampled(5_000).samples
    assert state.samples != sampled(5_000, "M").samples


def test_the_sample_is_uniform_over_the_history():
    house = House(samples_per_lead=1)
    kept = [sampled(10, f"L{n}", house).samples[0].x["i"] for n in range(3_000)]
    for i in range(10):
        assert 220 < kept.count(float(i)) < 385


def test_a_win_teaches_positives_within_the_horizon_and_negatives_past_it():
    state = sampled(0)
    for at_s in (0.0, 49.0, 50.0):
        labels.keep_sample(state, at_s, 0.5, {"i": at_s}, HOUSE)
    outputs = labels.label_by_outcome(state, "won", 149.0, HOUSE)
    assert taught(outputs) == [(0.0, False), (49.0, True), (50.0, True)]
    assert state.samples == []
    assert labels.label_by_outcome(state, "won", 149.0, HOUSE) == []


def test_a_loss_teaches_negatives():
    assert taught(labels.label_by_outcome(sampled(2), "lost", 5.0, HOUSE)) == [
        (0.0, False), (1.0, False),
    ]  # fmt: skip


def test_silence_teaches_a_negative_when_each_horizon_ends():
    state = sampled(3)
    assert labels.next_label_s(state, HOUSE) == 100.0
    assert labels.label_by_silence(state, 99.9, HOUSE) == []
    assert taught(labels.label_by_silence(state, 101.0, HOUSE)) == [(0.0, False), (1.0, False)]
    assert labels.next_label_s(state, HOUSE) == 102.0
    assert taught(labels.label_by_silence(state, 1e9, HOUSE)) == [(2.0, False)]
    assert labels.next_label_s(state, HOUSE) is None
    assert state.sampled_of == 0


def test_an_example_is_the_vector_that_was_scored_with_its_prediction():
    state = sampled(1)
    (output,) = labels.label_by_outcome(state, "won", 60.0, HOUSE)
    body = orjson.loads(output.value or b"")
    assert output.key == b"p_convert"
    assert (body["x"], body["p_convert"], body["weight"]) == ({"i": 0.0}, 0.5, 1.0)
    assert body["occurred_at"] == "1970-01-01T00:00:00.000000Z"
    assert body["labelled_at"] == "1970-01-01T00:01:00.000000Z"


@pytest.mark.parametrize(("outcome", "kept"), [("won", 0), ("lost", 1), (None, 1)])
def test_leads_that_have_won_are_not_sampled(outcome, kept):
    state = LeadState.new("L", 0.0)
    state.outcome = outcome
    labels.keep_sample(state, 0.0, 0.5, {}, HOUSE)
    assert len(state.samples) == kept


def weights(outputs):
    return [orjson.loads(o.value or b"")["weight"] for o in outputs]


def test_an_example_weighs_as_many_scored_vectors_as_it_stands_for():
    assert weights(labels.label_by_outcome(sampled(2), "lost", 5.0, HOUSE)) == [1.0, 1.0]
    assert weights(labels.label_by_outcome(sampled(30), "won", 31.0, HOUSE)) == [10.0] * 3


def test_weights_stay_when_some_horizons_end_before_others():
    state = sampled(30)
    first, *others = sorted(s.at_s for s in state.samples)
    assert weights(labels.label_by_silence(state, first + 100.0, HOUSE)) == [10.0]
    assert weights(labels.label_by_silence(state, 1e9, HOUSE)) == [10.0] * len(others)
    assert state.sampled_of == 0
