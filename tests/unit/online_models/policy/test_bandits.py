import json
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.policy.bandits import (
    UCB1,
    BetaThompson,
    EpsilonGreedy,
    GaussianThompson,
    Tally,
    Uniform,
)
from online_models.policy.chances import best_of_betas, best_of_students
from online_models.policy.protocol import Choice, Transition, drawn

ACTIONS = ("call", "email", "none")
RATES = {"call": 0.5, "email": 0.2, "none": 0.1}
KINDS = [Uniform, EpsilonGreedy, UCB1, BetaThompson, GaussianThompson]
LEARNING = [EpsilonGreedy, UCB1, BetaThompson, GaussianThompson]
counts = st.floats(min_value=1.0, max_value=1e5)


def came_of(action, reward, candidates=ACTIONS):
    return Transition({}, candidates, action, 1.0 / len(candidates), reward)


def lived(policy, n, seed=0):
    """Let a policy act and learn so often; return the rate of rewards."""
    rng, rewarded = Random(seed), 0
    for _ in range(n):
        choice = policy.act({}, ACTIONS, rng)
        reward = float(rng.random() < RATES[choice.action])
        policy.learn(Transition({}, ACTIONS, choice.action, choice.action_probability, reward))
        rewarded += reward
    return rewarded / n


def probabilities(policy, candidates=ACTIONS):
    return policy.act({}, candidates, Random(0)).probabilities


# What every policy holds to


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_positive_and_sum_to_one(kind):
    policy = kind()
    for _ in range(30):
        found = probabilities(policy)
        assert list(found) == list(ACTIONS)
        assert math.fsum(found.values()) == pytest.approx(1.0, abs=1e-12)
        assert min(found.values()) >= policy.epsilon / 3 * (1 - 1e-12)
        lived(policy, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_actions_come_as_often_as_they_are_said_to(kind):
    policy = kind(epsilon=0.3)
    lived(policy, 12)
    rng, n = Random(3), 4_000
    found = probabilities(policy)
    chosen = [policy.act({}, ACTIONS, rng).action for _ in range(n)]
    for action, p in found.items():
        assert chosen.count(action) / n == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))


@pytest.mark.parametrize("kind", LEARNING)
def test_the_best_action_is_found(kind):
    policy = kind()
    assert lived(policy, 600, seed=2) > 0.37
    assert lived(Uniform(), 600, seed=2) < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_rebuilt_from_json_goes_on_the_same(kind):
    policy = kind(max_actions=2)
    lived(policy, 50)
    for action in ACTIONS:
        policy.learn(came_of(action, 1.0))
    assert policy.ignored_actions > 0
    stored = json.loads(json.dumps(policy.checkpoint()))
    rebuilt = kind.restore(stored, max_actions=2)
    assert rebuilt.checkpoint() == policy.checkpoint()
    assert lived(rebuilt, 50, seed=7) == lived(policy, 50, seed=7)
    assert probabilities(rebuilt) == probabilities(policy)


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_may_change_and_one_needs_no_choosing(kind):
    policy = kind()
    lived(policy, 20)
    assert probabilities(policy, ("visit", "call")).keys() == {"visit", "call"}
    assert probabilities(policy, ("call",)) == {"call": 1.0}
    with pytest.raises(ValueError, match="at least one"):
        probabilities(policy, ())
    with pytest.raises(ValueError, match="each there once"):
        probabilities(policy, ("call", "call"))


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"schema": 99}, ModelSchemaError),
        ({"kind": "ucb1"}, ModelFormatError),
        ({"kind": "unheard of"}, ModelFormatError),
        ({"tallies": {"call": [1, 0.5]}}, ModelFormatError),
        ({"tallies": {"call": [-1, 0.5, 0.0]}}, ModelFormatError),
        ({"tallies": {"call": [1, float("nan"), 0.0]}}, ModelFormatError),
        ({"tallies": {"call": [1, 1.5, 0.0]}}, ModelFormatError),
        ({"tallies": {str(n): [1, 0.5, 0.0] for n in range(9)}}, ModelFormatError),
        ({"tallies": None}, ModelFormatError),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(broken, error):
    sound = BetaThompson().checkpoint()
    BetaThompson.restore(sound, max_actions=8)
    with pytest.raises(error):
        BetaThompson.restore({**sound, **broken}, max_actions=8)


@pytest.mark.parametrize("state", [None, [], "x", 1])
def test_a_checkpoint_that_is_no_object_is_refused(state):
    with pytest.raises(ModelFormatError):
        UCB1.restore(state)


@pytest.mark.parametrize("epsilon", [0.0, -0.1, 1.1, math.nan])
def test_a_share_that_leaves_a_probability_at_zero_is_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        UCB1(epsilon=epsilon)


# What each of them does


def test_epsilon_greedy_prefers_the_highest_mean():
    policy = EpsilonGreedy(epsilon=0.3)
    assert probabilities(policy) == pytest.approx(dict.fromkeys(ACTIONS, 1 / 3))
    policy.learn(came_of("email", 1.0))
    assert probabilities(policy) == pytest.approx({"call": 0.1, "email": 0.8, "none": 0.1})
    policy.learn(came_of("none", 1.0))
    assert probabilities(policy) == pytest.approx({"call": 0.1, "email": 0.45, "none": 0.45})


def test_ucb_tries_all_then_weighs_mean_against_number():
    policy = UCB1(rho=2.0, epsilon=0.003)
    policy.learn(came_of("call", 1.0))
    assert probabilities(policy)["call"] == pytest.approx(0.001)
    policy.learn(came_of("email", 1.0))
    policy.learn(came_of("none", 0.0))
    assert probabilities(policy)["none"] == pytest.approx(0.001)
    for _ in range(9):
        policy.learn(came_of("call", 1.0))
        policy.learn(came_of("email", 1.0))
    # Of 21: 1 + sqrt(2 ln 21 / 10) = 1.78 twice; 0 + sqrt(2 ln 21 / 1) = 2.47.
    assert probabilities(policy)["none"] == pytest.approx(0.998)


@given(st.tuples(counts, counts), st.tuples(st.integers(1, 30), counts))
def test_of_two_rates_the_chance_is_the_closed_form(one, other):
    """Evan Miller 2014, "Formulas for Bayesian A/B testing": a sum over the first parameter."""
    (a1, b1), (a2, b2) = one, other
    beta_log = lambda a, b: math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)  # noqa: E731
    exact = math.fsum(
        math.exp(
            beta_log(a1 + i, b1 + b2) - math.log(b2 + i) - beta_log(1 + i, b2) - beta_log(a1, b1)
        )
        for i in range(a2)
    )
    assert best_of_betas((other, one))[0] == pytest.approx(exact, abs=2e-3)


def test_of_many_rates_the_chances_are_what_sampling_finds():
    posteriors = ((1.0, 1.0), (3.0, 9.0), (300.0, 900.0), (2.0, 400.0), (30.0, 70.0))
    rng = np.random.default_rng(0)
    samples = np.array([rng.beta(a, b, 200_000) for a, b in posteriors])
    sampled = np.bincount(samples.argmax(axis=0), minlength=5) / 200_000
    assert best_of_betas(posteriors) == pytest.approx(sampled, abs=0.005)


def test_of_many_means_the_chances_are_what_sampling_finds():
    posteriors = ((2.0, 0.0, 1.0), (5.0, 1.0, 0.5), (400.0, 0.9, 0.01), (3.0, -4.0, 2.0))
    rng = np.random.default_rng(0)
    samples = np.array([c + s * rng.standard_t(f, 200_000) for f, c, s in posteriors])
    sampled = np.bincount(samples.argmax(axis=0), minlength=4) / 200_000
    assert best_of_students(posteriors) == pytest.approx(sampled, abs=0.005)


def test_thompson_sampling_of_zeros_and_ones_refuses_other_rewards():
    with pytest.raises(ValueError, match="0 or 1"):
        BetaThompson().learn(came_of("call", 0.5))


def test_thompson_sampling_of_money_does_not_depend_on_its_unit():
    cents = GaussianThompson(reward_mean=500.0, reward_std=300.0)
    euros = GaussianThompson(reward_mean=5.0, reward_std=3.0)
    rng = Random(4)
    for _ in range(30):
        action = rng.choice(ACTIONS)
        reward = rng.gauss({"call": 8.0, "email": 6.0, "none": 1.0}[action], 2.0)
        euros.learn(came_of(action, reward))
        cents.learn(came_of(action, 100.0 * reward))
    found = probabilities(euros)
    assert probabilities(cents) == pytest.approx(found, abs=1e-9)
    assert found["call"] > found["email"] > found["none"]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_a_tally_is_what_all_rewards_say(rewards):
    tally = Tally()
    for reward in rewards:
        tally = tally.with_reward(reward)
    assert tally.rewards == len(rewards)
    assert tally.mean == pytest.approx(np.mean(rewards), abs=1e-9)
    assert tally.deviations == pytest.approx(len(rewards) * np.var(rewards), abs=1e-3)


# That the protocol has room for what is no bandit


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"action": "visit"}, "among the candidates"),
        ({"action_probability": 0.0}, "action_probability"),
        ({"action_probability": 1.5}, "action_probability"),
        ({"reward": math.nan}, "reward"),
        ({"reward": math.inf}, "reward"),
    ],
)
def test_a_transition_that_cannot_have_been_is_refused(changed, message):
    sound = {
        "state": {},
        "candidates": ACTIONS,
        "action": "call",
        "action_probability": 0.5,
        "reward": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        Transition(**{**sound, **changed})


class DemoRule:
    """A rule: call whoever asked for a demo."""

    def act(self, state, candidates, rng) -> Choice:
        wanted = "call" if state.get("last") == "demo" else "none"
        return drawn(candidates, [float(name == wanted) for name in candidates], 0.1, rng)


def test_a_rule_fits_the_protocol():
    choice = DemoRule().act({"last": "demo"}, ("call", "none"), Random(0))
    assert choice.probabilities == pytest.approx({"call": 0.95, "none": 0.05})


class QLearning:
    """Watkins 1989, with a table: what is best counts the next decision, too."""

    def __init__(self):
        self.table = {}

    def learn(self, transition):
        later = 0.0
        if transition.next_state is not None:
            at = transition.next_state["stage"]
            later = max(self.table.get((at, name), 0.0) for name in transition.next_candidates)
        key = transition.state["stage"], transition.action
        value = self.table.get(key, 0.0)
        self.table[key] = value + 0.5 * (transition.reward + 0.9 * later - value)

    def act(self, state, candidates, rng):
        values = [self.table.get((state["stage"], name), 0.0) for name in candidates]
        return drawn(candidates, [float(v == max(values)) for v in values], 0.1, rng)


def test_q_learning_fits_the_protocol_and_sees_the_reward_of_two_steps_ahead():
    """An email brings nothing by itself, but the lead to where a call wins; silence ends it."""
    policy = QLearning()
    email = Transition(
        {"stage": "new"}, ("email", "none"), "email", 0.5, 0.0, {"stage": "warm"}, ("call", "none")
    )
    silence = Transition({"stage": "new"}, ("email", "none"), "none", 0.5, 0.1)
    call = Transition({"stage": "warm"}, ("call", "none"), "call", 0.5, 1.0)
    for _ in range(20):
        for transition in (email, silence, call):
            policy.learn(transition)
    assert policy.act({"stage": "new"}, ("email", "none"), Random(0)).probabilities[
        "email"
    ] == pytest.approx(0.95)
