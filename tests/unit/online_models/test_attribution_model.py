"""A model of attribution: bounds hold, bad input is refused, checkpoints are whole."""

import json
from fractions import Fraction

import numpy as np
import pytest
from attributed_journeys import JOURNEYS, conversions, learned
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.attribution import METHODS, Attribution
from online_models.attribution_journeys import OTHER
from online_models.formats import ModelFormatError, ModelSchemaError


def test_channels_beyond_the_bound_are_one():
    model = Attribution(max_channels=2)
    model.learn_one(["a", "b", "c", "d"], True, count=5)
    model.learn_one(["e", OTHER], True)
    assert conversions(model, "linear") == {
        "a": Fraction(5, 4), "b": Fraction(5, 4), OTHER: Fraction(7, 2),
    }  # fmt: skip
    assert conversions(model, "shapley")[OTHER] == Fraction(5, 3) + 1
    assert model.other_touches == 12
    restored = Attribution.restore(model.checkpoint(), max_channels=2)
    assert restored.other_touches == 12
    assert restored.credits("linear") == model.credits("linear")


def test_a_channel_of_the_name_of_others_takes_no_place():
    model = Attribution(max_channels=1)
    model.learn_one([OTHER, "a"], True)
    assert list(model.credits("linear")) == ["a", OTHER]


def test_of_a_long_journey_the_ends_are_learned():
    model = Attribution(max_touches=4, half_life_s=1.0)
    journey = ["a", "b", *["x"] * 50, "c", "d"]
    model.learn_one(journey, True, touched_s=[float(n) for n in range(54)], count=3)
    model.learn_one(["a", "b", "c", "d"], True)
    assert model.truncated == 3
    assert conversions(model, "linear") == dict.fromkeys("abcd", Fraction(1))
    assert conversions(model, "first_touch") == {"a": 4}
    assert float(conversions(model, "time_decay")["d"]) == pytest.approx(3 * 2 / 3 + 0.25)


def test_memory_is_bounded_whatever_comes():
    random = np.random.default_rng(3)
    model = Attribution(max_channels=3, max_touches=6)
    for n in range(4_000):
        journey = [f"channel {random.integers(n + 1)}" for _ in range(random.integers(1, 20))]
        model.learn_one(journey, n % 2 == 0, value_minor=n * (n % 2 == 0))
    state = model.checkpoint()
    base = 3 + 2
    assert len(state["channels"]) == 3
    assert max(len(state[name]) for name in ("first", "last", "touches")) <= 6 * 4
    assert len(state["sets"]) <= 4 * 4
    assert max(len(state[n]) for n in ("converted_steps", "null_steps")) <= base**4
    assert len(state["last_state_value"]) <= base**3


@pytest.mark.parametrize(
    ("journey", "arguments", "named"),
    [
        ([], {}, "journey"),
        ("ads", {}, "journey"),
        (None, {}, "journey"),
        (["a", ""], {}, "journey"),
        (["a", 7], {}, "journey"),
        (["new", ["a"]], {}, "journey"),
        (["a", "x" * 201], {}, "journey"),
        (["a"], {"count": 0}, "count"),
        (["a"], {"count": 1.0}, "count"),
        (["a"], {"count": 10**12 + 1}, "count"),
        (["a"], {"value_minor": -1}, "value_minor"),
        (["a"], {"value_minor": 0.5}, "value_minor"),
        (["a"], {"value_minor": 10**15}, "value_minor"),
        (["a"], {"value_minor": 1, "is_converted": False}, "value_minor"),
        (["a", "b"], {"touched_s": [1.0]}, "touched_s"),
        (["a", "b"], {"touched_s": [2.0, 1.0]}, "touched_s"),
        (["a", "b"], {"touched_s": [1.0, float("nan")]}, "touched_s"),
        (["a", "b"], {"touched_s": [1.0, float("inf")]}, "touched_s"),
        (["a", "b"], {"touched_s": [1.0, 10**400]}, "touched_s"),
        (["a", "b"], {"touched_s": ["1", "2"]}, "touched_s"),
        (["a"], {"touched_s": 1.0}, "touched_s"),
    ],
)
def test_bad_input_is_named_and_nothing_of_it_learned(journey, arguments, named):
    model = learned([(["known"], True, 5, 1)])
    before = model.checkpoint()
    with pytest.raises(ValueError, match=f"^{named} .*must"):
        model.learn_one(journey, **{"is_converted": True} | arguments)
    assert model.checkpoint() == before


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": 0}, {"order": 4}, {"order": 3, "max_channels": 31}, {"max_channels": 0},
        {"max_touches": 1}, {"max_touches": 1_001}, {"half_life_s": 0.0},
        {"half_life_s": float("nan")}, {"half_life_s": float("inf")}, {"max_transitions": 0},
        {"max_transitions": 2**21 + 1},
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(ValueError, match="must be"):
        Attribution(**parameters)


@settings(max_examples=60, deadline=None)
@given(JOURNEYS, JOURNEYS, st.integers(1, 40))
def test_with_too_many_transitions_it_is_a_model_of_a_lower_order(before, after, most):
    rows = [*before, *after]
    model = learned(rows, max_transitions=most)
    order = model.chain_order
    plain = learned(rows, order=order, max_transitions=most)
    own, expected = model.checkpoint(), plain.checkpoint()
    assert own["parameters"].pop("order") == 3
    assert expected["parameters"].pop("order") == order
    for name in ("converted_steps", "null_steps", "last_state_value"):
        assert sorted(own.pop(name)) == sorted(expected.pop(name))
    assert own == expected
    steps = len(model.checkpoint()["converted_steps"]) + len(model.checkpoint()["null_steps"])
    assert order == 1 or steps <= most
    if order < 3:
        whole = learned(rows, order=order + 1).checkpoint()
        assert len(whole["converted_steps"]) + len(whole["null_steps"]) > most
        with pytest.raises(ValueError, match=rf"^order is 3: .* 1 to {order}"):
            model.removal_effects(3)
    resumed = Attribution.restore(
        json.loads(json.dumps(learned(before, max_transitions=most).checkpoint())),
        max_transitions=most,
    )
    for journey, is_converted, value_minor, count in after:
        resumed.learn_one(
            journey, is_converted, value_minor=value_minor * is_converted, count=count
        )
    assert resumed.checkpoint() == model.checkpoint()


def test_reports_that_cannot_be_are_refused():
    model = learned([(["a"], True, 0, 1)], order=2)
    with pytest.raises(ValueError, match=r"^method .*must be one of first_touch"):
        model.credits("best")
    for ask in (model.removal_effects, lambda order: model.credits("markov", order=order)):
        with pytest.raises(ValueError, match=r"^order is 3: it must be a whole number, 1 to 2"):
            ask(3)


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, JOURNEYS, st.sampled_from([1, 2, 3]))
def test_a_restored_model_goes_on_to_the_bit(before, after, order):
    parameters = {"max_channels": 3, "max_touches": 4, "order": order}
    model = learned(before, **parameters)
    restored = Attribution.restore(json.loads(json.dumps(model.checkpoint())), **parameters)
    for each in (model, restored):
        for journey, is_converted, _, count in after:
            each.learn_one(
                journey, is_converted, touched_s=[n * 1e5 for n in range(len(journey))], count=count
            )
    assert restored.checkpoint() == model.checkpoint()
    for method in METHODS:
        assert restored.credits(method, order=order) == model.credits(method, order=order)


def test_the_largest_sums_are_64_bit_integers_and_restored():
    model = Attribution(max_touches=1_000)
    model.learn_one(["a"] * 1_000, True, value_minor=10**15, count=10**12)
    state = model.checkpoint()
    numbers = [n for rows in state.values() if isinstance(rows, list) for r in rows for n in r]
    assert max(n for n in numbers if not isinstance(n, str)) < 2**63
    assert Attribution.restore(state, max_touches=1_000).checkpoint() == state


STATE = learned([(["a", "b", "a"], True, 90, 2), (["b", "c"], False, 0, 3)]).checkpoint()
BASE = 32


def broken(**changes: object) -> dict:
    return {**STATE, **changes}


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {name: part for name, part in STATE.items() if name != "sets"},
        broken(conversions=-1),
        broken(conversions=3),
        broken(nulls=2),
        broken(value_minor=91),
        broken(value_minor=90.5),
        broken(channels=["a", "a", "c"]),
        broken(channels=["a", "b", "other"]),
        broken(channels=["a"]),
        broken(channels=[f"c{n}" for n in range(31)]),
        broken(channels=["a", "b", ""]),
        broken(first=[]),
        broken(first=[*STATE["first"], *STATE["first"]]),
        broken(last=[[3 * BASE + 2, 2, 89]]),
        broken(last=[[3 * BASE + 5, 2, 90]]),
        broken(last=[[101 * BASE + 2, 2, 90]]),
        broken(touches=[[3 * BASE + 3, 6, 270]]),
        broken(touches=STATE["touches"][:1]),
        broken(touches=[[True, 1, 1]]),
        broken(decayed=[[2, 2.0, float("nan")]]),
        broken(decayed=[[2, 1.0, 60.0]]),
        broken(decayed=[[9, 2.0, 90.0]]),
        broken(sets=[[4 * BASE + 2, 4, 180], [2 * BASE + 3, 2, 90]]),
        broken(converted_steps=STATE["converted_steps"][:-1]),
        broken(converted_steps=STATE["converted_steps"][1:]),
        broken(converted_steps=[*STATE["converted_steps"], [BASE**4, 1]]),
        broken(converted_steps=[*STATE["converted_steps"], [BASE * 2 + 9, 1]]),
        broken(converted_steps=[[key, count * 0] for key, count in STATE["converted_steps"]]),
        broken(null_steps=[[key, count + 1] for key, count in STATE["null_steps"]]),
        # Two states that lead to each other, for ever.
        broken(null_steps=[[2, 3], [2 * BASE + 2, 3], [(2 * BASE + 2) * BASE + 2, 3]]),
        broken(last_state_value=[[3, 90]]),
        broken(last_state_value=[]),
        broken(chain_order=2),
        broken(chain_order=4),
        broken(chain_order=0),
    ],
)
def test_broken_checkpoints_are_refused(state):
    with pytest.raises(ModelFormatError):
        Attribution.restore(state)


@pytest.mark.parametrize("changes", [{"schema": 1}, {"schema": 3}, {"library": "river"}])
def test_checkpoints_of_another_origin_are_refused(changes):
    with pytest.raises(ModelSchemaError):
        Attribution.restore(broken(**changes))


@pytest.mark.parametrize("parameters", [{"order": 2}, {"max_transitions": 2}])
def test_a_chain_of_more_than_may_be_kept_is_refused(parameters):
    state = broken(parameters=STATE["parameters"] | parameters)
    with pytest.raises(ModelFormatError, match="too many steps"):
        Attribution.restore(state, **parameters)


def test_checkpoints_of_other_parameters_are_refused():
    assert Attribution.restore(STATE).checkpoint() == STATE
    for parameters in (
        {"order": 2},
        {"max_channels": 9},
        {"max_touches": 9},
        {"half_life_s": 9.0},
        {"max_transitions": 9},
    ):
        with pytest.raises(ModelFormatError, match="learned anew"):
            Attribution.restore(STATE, **parameters)
