"""Methods of attribution: each by its definition, and their sums exact."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from attributed_journeys import JOURNEYS, NAMES, Row, conversions, learned
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.attribution import METHODS, Attribution
from online_models.attribution_credit import dealt, dealt_whole


def walk_credit(rows: list[Row], order: int, with_nulls: bool, of_value: bool) -> dict[str, float]:
    """Return removal effects from the chain's own equations, written down state by state."""
    steps: dict[tuple, dict[tuple | bool, int]] = {}
    values: dict[tuple, int] = {}
    for journey, is_converted, value_minor, count in rows:
        if not (is_converted or with_nulls):
            continue
        state = ()
        for name in journey:
            following = (*state, name)[-order:]
            exits = steps.setdefault(state, {})
            exits[following] = exits.get(following, 0) + count
            state = following
        exits = steps.setdefault(state, {})
        exits[is_converted] = exits.get(is_converted, 0) + count
        values[state] = values.get(state, 0) + value_minor * is_converted
    states = {state: n for n, state in enumerate(steps)}

    def gained(removed: str | None) -> float:
        matrix, right = np.eye(len(states)), np.zeros(len(states))
        for state, exits in steps.items():
            total = sum(exits.values())
            for following, count in exits.items():
                if isinstance(following, bool):
                    gain = values[state] if of_value else count
                    right[states[state]] += gain / total * following
                elif removed not in following:
                    matrix[states[state], states[following]] -= count / total
        return float(np.linalg.solve(matrix, right)[states[()]])

    if not states or not gained(None):
        return {}
    return {name: 1.0 - gained(name) / gained(None) for name in NAMES}


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, st.sampled_from([1, 2, 3]), st.booleans())
def test_removal_effects_solve_the_chain(rows, order, with_nulls):
    effects = learned(rows).removal_effects(order, with_nulls=with_nulls)
    for of_value in (False, True):
        expected = walk_credit(rows, order, with_nulls, of_value)
        for name, effect in effects.items():
            assert effect[of_value] == pytest.approx(expected.get(name, 0.0), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, st.sampled_from([1, 2]))
def test_a_model_of_higher_order_answers_for_the_lower_ones(rows, order):
    effects = learned(rows, order=order).removal_effects(order)
    for name, effect in learned(rows, order=3).removal_effects(order).items():
        assert effect == pytest.approx(effects[name], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(JOURNEYS)
def test_touches_of_a_channel_in_a_row_do_not_matter_to_a_chain_of_order_1(rows):
    merged = [
        ([name for n, name in enumerate(j) if not n or j[n - 1] != name], *rest)
        for j, *rest in rows
    ]
    effects = learned(merged).removal_effects()
    for name, effect in learned(rows).removal_effects().items():
        assert effect == pytest.approx(effects[name], abs=1e-12)


def test_a_removal_effect_by_hand():
    model = learned([(["a", "b"], True, 0, 1), (["a"], False, 0, 1), (["b"], True, 0, 2)])
    effects = model.removal_effects()
    # Of four walks two begin at a, half of which goes on to b, which always converts.
    assert effects["a"].conversions == pytest.approx(1 - 0.5 / 0.75)
    assert effects["b"].conversions == pytest.approx(1.0)
    assert conversions(model, "markov")["b"] == pytest.approx(3 * 1 / (1 + 1 / 3))


@settings(max_examples=40, deadline=None)
@given(JOURNEYS)
def test_shapley_is_the_mean_gain_over_all_orders_of_joining(rows):
    def worth(coalition: frozenset[str]) -> int:
        return sum(c for j, is_converted, _, c in rows if is_converted and set(j) <= coalition)

    orders = list(permutations(NAMES))
    expected = dict.fromkeys(NAMES, Fraction(0))
    for order in orders:
        for n, name in enumerate(order):
            gain = worth(frozenset(order[: n + 1])) - worth(frozenset(order[:n]))
            expected[name] += Fraction(gain, len(orders))
    found = conversions(learned(rows), "shapley")
    assert found == {name: part for name, part in expected.items() if part}


def by_rule(method: str, length: int) -> list[Fraction]:
    if method == "first_touch":
        return [Fraction(n == 0) for n in range(length)]
    if method == "last_touch":
        return [Fraction(n == length - 1) for n in range(length)]
    if method == "linear" or length <= 2:
        return [Fraction(1, length)] * length
    return [Fraction(2, 5), *[Fraction(1, 5) / (length - 2)] * (length - 2), Fraction(2, 5)]


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, st.sampled_from(["first_touch", "last_touch", "linear", "position_based"]))
def test_rules_give_each_touch_its_share(rows, method):
    expected: dict[str, Fraction] = {}
    value: dict[str, Fraction] = {}
    for journey, is_converted, value_minor, count in rows:
        for name, share in zip(journey, by_rule(method, len(journey)), strict=True):
            expected[name] = expected.get(name, 0) + share * count * is_converted
            value[name] = value.get(name, 0) + share * value_minor * is_converted
    found = learned(rows).credits(method)
    assert {name: credit.conversions for name, credit in found.items()} == expected
    assert all(abs(credit.value_minor - value[name]) < 1 for name, credit in found.items())


def test_credit_falls_by_half_in_a_half_life():
    model = Attribution(half_life_s=60.0)
    model.learn_one(["a", "b", "a"], True, value_minor=700, touched_s=[1e9, 1e9 + 60, 1e9 + 120])
    found = model.credits("time_decay")
    assert float(found["a"].conversions) == pytest.approx(5 / 7)
    assert {name: credit.value_minor for name, credit in found.items()} == {"a": 500, "b": 200}


def test_without_times_touches_are_of_one_age():
    model = Attribution(half_life_s=60.0)
    model.learn_one(["a", "b", "a"], True)
    model.learn_one(["a", "b"], True, touched_s=[5.0, 5.0])
    expected = conversions(model, "linear")
    for name, part in conversions(model, "time_decay").items():
        assert float(part) == pytest.approx(float(expected[name]))


def test_touches_of_long_ago_get_nothing_rather_than_fail():
    model = Attribution(half_life_s=1e-9)
    model.learn_one(["a", "b"], True, touched_s=[-1e308, 1e308])
    assert conversions(model, "time_decay") == {"b": 1}


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, st.sampled_from(METHODS), st.sampled_from([1, 2, 3]), st.booleans())
def test_credit_sums_to_conversions_and_value_exactly(rows, method, order, with_nulls):
    model = learned(rows)
    found = model.credits(method, order=order, with_nulls=with_nulls).values()
    assert sum(credit.conversions for credit in found) == model.conversions
    assert sum(credit.value_minor for credit in found) == model.value_minor
    assert model.conversions == sum(c for _, is_converted, _, c in rows if is_converted)
    assert model.nulls == sum(c for _, is_converted, _, c in rows if not is_converted)
    assert all(min(credit) >= 0 for credit in found)


@settings(max_examples=40, deadline=None)
@given(JOURNEYS, st.randoms(use_true_random=False))
def test_neither_order_nor_counting_at_once_matters(rows, random):
    one_by_one = [
        (journey, is_converted, value_minor if n == 0 else 0, 1)
        for journey, is_converted, value_minor, count in rows
        for n in range(count)
    ]
    random.shuffle(one_by_one)
    at_once, apart = learned(rows), learned(one_by_one)
    for method in METHODS:
        expected = at_once.credits(method)
        found = apart.credits(method)
        assert found.keys() == expected.keys()
        for name, credit in found.items():
            assert float(credit.conversions) == pytest.approx(
                float(expected[name].conversions), abs=1e-9
            )
            assert abs(credit.value_minor - expected[name].value_minor) <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**15), st.lists(st.floats(0.0, 1e9), min_size=1, max_size=9))
def test_whole_units_are_dealt_within_one_of_their_share(total, weights):
    shares, parts = dealt(total, weights), dealt_whole(total, weights)
    assert sum(parts) == sum(shares) == (total if any(weights) else 0)
    assert all(abs(part - share) < 1 for part, share in zip(parts, shares, strict=True))


def test_walks_that_go_to_and_fro_come_to_an_end():
    model = Attribution(max_touches=1_000)
    model.learn_one(["a"] * 1_000, True)
    model.learn_one(["a", "b"] * 500, True)
    model.learn_one(["a", "b", "c", "d"] * 250, True)
    model.learn_one(["e"], False, count=10**6)
    for order in (1, 2, 3):
        assert model.removal_effects(order)["a"].conversions == pytest.approx(1.0)
    # Of 751 steps from a to elsewhere one is the conversion.
    assert model.removal_effects()["b"].conversions == pytest.approx(750 / 751)


def test_nothing_learned_is_nothing_to_credit():
    assert Attribution().credits("markov") == {}
    model = learned([(["a", "b"], False, 0, 4)])
    for method in METHODS:
        assert conversions(model, method) == {}
    assert model.removal_effects()["a"] == (0.0, 0.0)


def test_conversions_without_value_are_credited_without_value():
    found = learned([(["a", "b"], True, 0, 4)]).credits("markov", order=2)
    assert {name: credit.value_minor for name, credit in found.items()} == {"a": 0, "b": 0}
