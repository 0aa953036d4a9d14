import math
import sys
from random import Random
from time import perf_counter

import numpy as np
import pytest

from online_models.formats import ModelLibraryError
from online_models.policy.actor_critic import ActorCritic
from online_models.policy.dqn import DeepQNetwork
from online_models.policy.policy_gradient import PolicyGradient
from online_models.policy.protocol import Transition

STEPS = ("left", "right")
SMALL = {"hidden": (16,), "max_actions": 8, "epsilon": 0.1, "discount": 0.9}
KINDS = {
    DeepQNetwork: {"learning_rate": 0.01, "target_every": 50, "learn_after": 50, "batch": 32},
    PolicyGradient: {"learning_rate": 0.02, "episodes": 5},
    ActorCritic: {"learning_rate": 0.01, "memory": 128, "batch": 32, "passes": 4},
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def build(request):
    return lambda **more: request.param(**SMALL | KINDS[request.param] | more)


def corridor(policy, steps, seed=0, length=4, logged=None, candidates=STEPS):
    """Let a policy walk between two ends: a small reward to the left, a large one to the right.

    With ``logged``, somebody else walks, with those probabilities, and the policy looks on.
    """
    rng, field = Random(seed), 1
    for _ in range(steps):
        state = {"field": f"f{field}"}
        if logged is None:
            choice = policy.act(state, candidates, rng)
            action, probability = choice.action, choice.action_probability
        else:
            [action] = rng.choices(list(logged), list(logged.values()))
            probability = logged[action]
        field += {"left": -1, "right": 1}.get(action, 0)
        ended = field in {0, length}
        following = None if ended else {"field": f"f{field}"}
        reward = 0.2 if field == 0 else float(ended)
        policy.learn(
            Transition(
                state, candidates, action, probability, reward, following, () if ended else STEPS
            )
        )
        field = 1 if ended else field
    return policy


def right(policy, field=1, candidates=STEPS):
    return policy.act({"field": f"f{field}"}, candidates, Random(0)).probabilities["right"]


def test_each_finds_the_reward_that_is_farther_away(build):
    policy = corridor(build(), 2_500)
    assert [right(policy, field) > 0.85 for field in (1, 2, 3)] == [True] * 3


def test_one_that_does_not_look_ahead_takes_what_is_near(build):
    policy = corridor(build(discount=0.0), 2_500)
    assert right(policy) < 0.2


@pytest.mark.parametrize("kind", [DeepQNetwork, ActorCritic])
def test_it_learns_from_what_another_policy_did(kind):
    """Of the walker's steps three in four are to the left; what it logged says so."""
    policy = kind(**SMALL | KINDS[kind])
    corridor(policy, 4_000, logged={"left": 0.7, "right": 0.3})
    assert right(policy) > 0.8


def test_values_are_those_of_the_best_to_be_done():
    policy = corridor(DeepQNetwork(**SMALL | KINDS[DeepQNetwork]), 2_500)
    inputs, found = policy.acting.encoder.inputs_of({"field": "f1"})
    place = policy.acting.actions["right"]
    [value] = policy.networks["acting"].outputs_of_one(inputs, found, [place])
    assert value == pytest.approx(0.9**2, abs=0.08)


@pytest.mark.parametrize("double", [False, True])
def test_what_can_not_be_done_next_is_not_hoped_for(double):
    policy = DeepQNetwork(**SMALL | KINDS[DeepQNetwork], double=double)
    for n in range(600):
        policy.learn(Transition({"at": "b"}, ("good", "bad"), ("good", "bad")[n % 2], 0.5, n % 2))
        policy.learn(Transition({"at": "a"}, ("go", "no"), "no", 0.5, 0.5))
        # "bad" brings 1, "good" 0: but then only "good" can be done.
        policy.learn(Transition({"at": "a"}, ("go", "no"), "go", 0.5, 0.0, {"at": "b"}, ("good",)))
    assert policy.act({"at": "a"}, ("go", "no"), Random(0)).probabilities["no"] > 0.9


def test_a_ratio_to_what_was_logged_is_made_up_for():
    """A bandit, logged by one that hardly ever did what is best."""
    for kind in (PolicyGradient, ActorCritic):
        policy, rng = kind(**SMALL | KINDS[kind]), Random(1)
        for _ in range(1_500):
            good = rng.random() < 0.1
            action, probability = ("good", 0.1) if good else ("bad", 0.9)
            policy.learn(Transition({"a": 1.0}, ("good", "bad"), action, probability, float(good)))
        assert policy.act({"a": 1.0}, ("good", "bad"), rng).probabilities["good"] > 0.85


def test_actions_beyond_the_most_are_counted_and_never_preferred_blindly(build):
    policy = build(max_actions=2)
    corridor(policy, 300)
    policy.learn(Transition({"field": "f1"}, ("third",), "third", 1.0, 1.0))
    assert policy.ignored_actions == 1
    assert min(policy.act({}, (*STEPS, "third"), Random(0)).probabilities.values()) > 0.03


def test_an_unlearned_policy_prefers_nothing(build):
    assert build().act({"a": 1.0}, STEPS, Random(0)).probabilities == {"left": 0.5, "right": 0.5}


def test_the_seed_decides_to_the_bit(build):
    one, same, other = (corridor(build(seed=seed), 300) for seed in (4, 4, 5))
    assert one.checkpoint() == same.checkpoint()
    assert one.checkpoint()["acting"] != other.checkpoint()["acting"]


def test_another_unit_of_reward_changes_nothing_if_it_is_told(build):
    policies = []
    for unit in (1.0, 4096.0):
        policy, rng = build(reward_scale=unit), Random(2)
        for _ in range(300):
            action = rng.choice(STEPS)
            reward = unit * (action == "left")
            policy.learn(Transition({"a": rng.random()}, STEPS, action, 0.5, reward))
        policies.append(policy)
    one, other = (policy.act({"a": 0.5}, STEPS, Random(0)) for policy in policies)
    assert one == other


def test_advantages_are_generalised_ones_where_the_policy_itself_acted():
    policy = ActorCritic(**SMALL | {"memory": 6, "batch": 6, "passes": 1, "trace": 0.8})
    rng = np.random.default_rng(0)
    rewards = [1.0, 0.0, 2.0, 5.0, 1.0]
    for n, reward in enumerate(rewards):  # an episode of three, and two of one that goes on
        following = None if n == 2 else {"n": f"{n + 1}"}
        policy.learn(Transition({"n": f"{n}"}, STEPS, "left", 0.5, reward, following, STEPS))
    critic = policy.networks["critic"]
    critic.weights += rng.normal(0.0, 0.3, critic.weights.size)
    at = np.arange(5)
    inputs = policy.network_inputs(policy.memory.states[at])
    usual, found = policy._advantages(inputs, np.ones(5), at)
    last = policy.network_inputs(policy.memory.next_states[4:5])
    later = [usual[1], usual[2], 0.0, usual[4], float(critic.outputs_of(last)[0, 0])]
    delta = [r + 0.9 * after - v for r, after, v in zip(rewards, later, usual, strict=True)]
    k = 0.9 * 0.8
    assert found == pytest.approx(
        [
            delta[0] + k * delta[1] + k * k * delta[2],
            delta[1] + k * delta[2],
            delta[2],
            delta[3] + k * delta[4],
            delta[4],
        ]
    )
    # An action that the policy would hardly take cuts what comes after it, not what it brought.
    _, cut = policy._advantages(inputs, np.array([1.0, 0.0, 1.0, 3.0, 1.0]), at)
    assert cut == pytest.approx([delta[0], *found[1:]])


def test_returns_are_those_of_ended_episodes_only():
    policy = PolicyGradient(**SMALL | {"episodes": 2, "discount": 0.5})
    for n, reward in enumerate([1.0, 2.0, 4.0]):
        policy.learn(
            Transition(
                {"n": f"{n}"}, STEPS, "left", 0.5, reward, None if n == 2 else {"n": f"{n + 1}"}
            )
        )
        policy.learn(Transition({"m": f"{n}"}, STEPS, "left", 0.5, 9.0, {"m": f"{n + 1}"}))
    numbers, returns = policy._returns()
    assert dict(zip(numbers, returns, strict=True)) == {0: 3.0, 2: 4.0, 4: 4.0}


@pytest.mark.parametrize("kind", [PolicyGradient, ActorCritic])
def test_learning_without_autograd_says_what_to_install(monkeypatch, kind):
    checkpoint = kind().checkpoint()
    monkeypatch.setitem(sys.modules, "autograd", None)
    with pytest.raises(ModelLibraryError, match=r"pip install leadstream\[neural\]"):
        kind()
    with pytest.raises(ModelLibraryError, match=r"pip install leadstream\[neural\]"):
        kind.restore(checkpoint)


@pytest.mark.parametrize(
    "wrong", [{"discount": 1.5}, {"reward_scale": 0.0}, {"epsilon": 0.0}, {"memory": 0}]
)
def test_parameters_that_make_no_sense_are_refused(build, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        build(**wrong)


def test_acting_takes_some_tens_of_microseconds(build):
    """Generous, since tests share their cores: it holds that acting does not need autograd."""
    policy = corridor(build(hidden=(64, 64)), 200)
    acting, rng = type(policy).from_snapshot(policy.snapshot()), Random(0)
    state = {"field": "f1"} | {f"n{n}": 1.0 for n in range(10)}
    shortest = math.inf
    for _ in range(200):
        began = perf_counter()
        acting.act(state, STEPS, rng)
        shortest = min(shortest, perf_counter() - began)
    assert shortest < 200e-6
