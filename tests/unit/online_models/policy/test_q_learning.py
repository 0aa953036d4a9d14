from random import Random

import pytest

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.policy.protocol import Transition
from online_models.policy.q_learning import LONGEST_KEY, QLearning, cells, gridded_cells

ACTIONS = ("left", "right")


def corridor(policy, steps, seed=0, length=5):
    """Let a policy walk between two ends: a small reward to the left, a large one to the right."""
    rng, field = Random(seed), 1
    for _ in range(steps):
        state = {"field": field}
        choice = policy.act(state, ACTIONS, rng)
        field += 1 if choice.action == "right" else -1
        ended = field in {0, length}
        reward = 0.1 if field == 0 else float(ended)
        policy.learn(
            Transition(
                state,
                ACTIONS,
                choice.action,
                choice.action_probability,
                reward,
                None if ended else {"field": field},
                () if ended else ACTIONS,
            )
        )
        field = 1 if ended else field
    return policy


@pytest.mark.parametrize("double", [False, True])
def test_it_finds_the_reward_that_is_farther_away(double):
    policy = corridor(QLearning(discount=0.9, double=double, epsilon=0.5), 4_000)
    for field in range(1, 5):
        assert policy.act({"field": field}, ACTIONS, Random(0)).probabilities["right"] == 0.75
        assert policy.value({"field": field}, "right") == pytest.approx(
            0.9 ** (4 - field), abs=0.02
        )


def test_one_that_does_not_look_ahead_takes_what_is_near():
    policy = corridor(QLearning(discount=0.0, epsilon=0.5), 4_000)
    assert policy.act({"field": 1}, ACTIONS, Random(0)).probabilities["left"] == 0.75


def test_double_learning_does_not_overstate_a_value_that_is_noise():
    """Sutton and Barto 2018, example 6.7: ten actions that bring -0.1 in the mean, with noise."""
    found = {}
    for double in (False, True):
        policy, rng = QLearning(discount=1.0, double=double, learning_rate=0.1), Random(0)
        many, worth = tuple(f"a{n}" for n in range(10)), []
        for _ in range(3_000):
            policy.learn(Transition({"at": "b"}, many, rng.choice(many), 0.1, rng.gauss(-0.1, 1.0)))
            policy.learn(Transition({"at": "a"}, ("go",), "go", 1.0, 0.0, {"at": "b"}, many))
            worth.append(policy.value({"at": "a"}, "go"))
        found[double] = sum(worth[-1_000:]) / 1_000
    assert found[False] > 0.1
    assert found[True] < found[False] / 2


def test_candidates_then_bound_what_can_be_hoped_for():
    policy = QLearning(discount=0.5, learning_rate=1.0)
    policy.learn(Transition({"at": "b"}, ("good", "bad"), "good", 0.5, 1.0))
    policy.learn(Transition({"at": "b"}, ("good", "bad"), "bad", 0.5, -1.0))
    for candidates, value in [(("good", "bad"), 0.5), (("bad",), -0.5), ((), 0.0)]:
        policy.learn(Transition({"at": "a"}, ("go",), "go", 1.0, 0.0, {"at": "b"}, candidates))
        assert policy.value({"at": "a"}, "go") == value


def test_cells():
    state = {"stage": "demo", "visits": 3, "age": 4.5, "score": 80.0, "late": True, "far": 1e9}
    assert cells(state, {"score": (50, 80)}) == "late=1|score:2|stage=demo|visits=3"
    assert gridded_cells(state, {"score": (50, 80), "gone": ()}) == "score:2"
    assert cells({"a": None, "b": float("nan"), "c": float("inf")}, {"c": (0.0,)}) == "c:1"


def test_the_state_learned_of_longest_ago_is_forgotten():
    policy = QLearning(max_states=3)
    for at in (1, 2, 3, 1, 4):
        policy.learn(Transition({"at": at}, ("go",), "go", 1.0, 1.0))
    assert list(policy.checkpoint()["table"]) == ["at=3", "at=1", "at=4"]
    assert policy.forgotten_states == 1


def test_actions_of_a_state_are_bounded():
    policy = QLearning(max_actions=2)
    for n in range(5):
        policy.learn(Transition({}, (str(n),), str(n), 1.0, 1.0))
    assert list(policy.checkpoint()["table"][""]) == ["0", "1"]
    assert policy.ignored_actions == 3


def test_a_state_told_at_length_is_kept_short():
    policy = QLearning(learning_rate=1.0)
    for text in ("x" * 5_000, "x" * 5_001):
        policy.learn(Transition({"text": text}, ("go",), "go", 1.0, float(len(text))))
    assert policy.value({"text": "x" * 5_000}, "go") == 5_000.0
    assert max(map(len, policy.checkpoint()["table"])) <= LONGEST_KEY


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"schema": 99}, ModelSchemaError),
        ({"table": {"a": {"go": [1.0, 1]}}}, ModelFormatError),
        ({"table": {"a": {"go": [float("nan"), 1, 0.0, 0]}}}, ModelFormatError),
        ({"table": {"a": {"go": [1.0, -1, 0.0, 0]}}}, ModelFormatError),
        ({"table": {str(n): {} for n in range(9)}}, ModelFormatError),
        ({"table": {"a": {str(n): [1.0, 1, 0.0, 0] for n in range(99)}}}, ModelFormatError),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(broken, error):
    with pytest.raises(error):
        QLearning.restore(QLearning().checkpoint() | broken, max_states=8)


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0.0}, {"discount": 1.1}, {"max_states": 0}, {"key": "?"}, {"epsilon": 0.0}],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        QLearning(**wrong)
