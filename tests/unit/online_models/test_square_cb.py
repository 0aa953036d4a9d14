"""SquareCB finds what is best for whom, and its regression forgets what is not seen any more."""

from random import Random

import numpy as np
import pytest

from online_models.effect_regression import RewardRegression
from online_models.policy.square_cb import SquareCB, inverse_gaps


def test_leaving_an_input_out_leaves_what_is_known_of_the_others():
    roomy, tight = RewardRegression(max_together=10), RewardRegression(max_together=4)
    seen = [({"a": "1", "b": "1"}, 1.0), ({"a": "1"}, 0.5), ({"b": "1", "c": "1"}, -0.5)]
    for x, reward in seen * 5:
        roomy.learn_one(x, reward)
        tight.learn_one(x, reward)
    tight.learn_one({"d": "1"}, 0.0)  # there is room for three: a has not been seen for longest
    roomy.learn_one({"d": "1"}, 0.0)
    assert "a=1" not in tight._names
    for x in ({"b": "1"}, {"c": "1"}, {"b": "1", "d": "1"}):
        assert tight.predict_one(x) == pytest.approx(roomy.predict_one(x))
    size = len(tight._names)
    assert np.linalg.eigvalsh(tight._covariance[:size, :size]).min() > 0.0


def test_an_example_with_more_inputs_than_there_is_room_for_learns_the_first():
    regression = RewardRegression(max_together=3)
    regression.learn_one(dict.fromkeys("abcd", "1"), 1.0)
    assert list(regression._names) == ["", "a=1", "b=1"]
    assert regression.ignored_features == 2


def test_probabilities_are_positive_and_together_one():
    found = inverse_gaps([0.1, -1.0, 1.0, 0.99], 1e9)
    assert sum(found) == pytest.approx(1.0)
    assert found[2] > 0.9


def test_half_of_what_there_is_to_gain_is_gained_within_two_thousand_events():
    gained = []
    for seed in range(101, 106):
        chance, hidden = Random(seed), Random(seed + 1)
        actions = {f"a{n}": {"id": f"a{n}", "kind": hidden.choice("xyz")} for n in range(8)}
        fits = {(c, k): hidden.gauss(0, 0.1) for c in "pqrs" for k in ("x", "y", "z", *actions)}
        bandit, got, most, random = SquareCB(), 0.0, 0.0, 0.0
        for _ in range(2_000):
            context = {"who": chance.choice("pqrs")}
            rates = {
                name: min(1.0, max(0.0, 0.2 + sum(fits[context["who"], v] for v in a.values())))
                for name, a in actions.items()
            }
            choice = bandit.act(context, actions, chance)
            got += sum(p * rates[name] for name, p in choice.probabilities.items())
            most += max(rates.values())
            random += sum(rates.values()) / len(rates)
            reward = float(chance.random() < rates[choice.action])
            bandit.learn(context, actions[choice.action], reward)
        gained.append((got - random) / (most - random))
    print(f"share of what there is to gain: {[round(g, 2) for g in gained]}")
    assert np.mean(gained) > 0.5
