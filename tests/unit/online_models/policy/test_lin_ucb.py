import json
import math
from random import Random

import numpy as np
import pytest

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.policy.lin_ucb import LinUCB, all_inputs
from online_models.policy.protocol import Transition

ACTIONS = ("call", "email")


def as_they_are(state, candidate):
    return state


def came_of(state, action, reward):
    return Transition(state, ACTIONS, action, 0.5, reward)


def lived(policy, n, seed=0):
    """Let a policy act and learn where what is best depends on the lead; return its rewards' rate.

    A call suits who is far on, an email who is not.
    """
    rng, rewarded = Random(seed), 0.0
    for _ in range(n):
        state = {"progress": rng.uniform(-1.0, 1.0), "stage": rng.choice(["new", "demo"])}
        choice = policy.act(state, ACTIONS, rng)
        suits = (state["progress"] > 0.0) == (choice.action == "call")
        reward = float(rng.random() < (0.9 if suits else 0.1))
        policy.learn(Transition(state, ACTIONS, choice.action, choice.action_probability, reward))
        rewarded += reward
    return rewarded / n


def test_it_learns_what_suits_whom():
    assert lived(LinUCB(alpha=0.5), 400) > 0.75  # 0.9 at best, but for a share of 5 %


def test_weights_and_covariance_are_those_of_ridge_regression():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    policy = LinUCB(alpha=1.5, ridge=2.0, inputs=as_they_are)
    for row, reward in zip(x, y, strict=True):
        policy.learn(came_of(dict(zip("abc", row.tolist(), strict=True)), "call", float(reward)))
    a = 2.0 * np.eye(3) + x.T @ x
    stored = policy.checkpoint()["actions"]["call"]
    assert stored["weights"] == pytest.approx(np.linalg.solve(a, x.T @ y), abs=1e-12)
    at = rng.normal(size=3)
    bound = at @ np.linalg.solve(a, x.T @ y) + 1.5 * math.sqrt(at @ np.linalg.solve(a, at))
    # An action without rewards has bound 1.5 |x| / sqrt(2): made just lower, then just higher.
    for offset, preferred in [(-1e-6, "call"), (1e-6, "email")]:
        length = math.sqrt(2.0) * (bound + offset) / 1.5
        two = LinUCB.restore(
            policy.checkpoint(),
            alpha=1.5,
            ridge=2.0,
            inputs=lambda state, name, e=length: state if name == "call" else {"new": e},
        )
        choice = two.act(dict(zip("abc", at.tolist(), strict=True)), ACTIONS, Random(0))
        assert choice.probabilities[preferred] == pytest.approx(0.975)


def test_inputs_that_come_later_change_nothing_of_what_was_learned():
    early = LinUCB(inputs=as_they_are)
    late = LinUCB(inputs=as_they_are)
    late.learn(came_of({"other": 1.0}, "email", 1.0))
    for policy in (early, late):
        for reward in (1.0, 0.0, 1.0):
            policy.learn(came_of({"age": 2.0}, "call", reward))
        policy.learn(came_of({"age": 1.0, "size": 3.0}, "call", 1.0))
    by_name = [
        dict(
            zip(
                policy.checkpoint()["names"],
                policy.checkpoint()["actions"]["call"]["weights"],
                strict=True,
            )
        )
        for policy in (early, late)
    ]
    assert by_name[1].pop("other") == 0.0
    assert by_name[1] == pytest.approx(by_name[0], abs=1e-12)


def test_what_is_not_known_is_explored_and_what_is_known_is_not():
    policy = LinUCB(alpha=1.0, epsilon=0.01)
    assert policy.act({}, ACTIONS, Random(0)).probabilities == {"call": 0.5, "email": 0.5}
    for _ in range(5):
        policy.learn(came_of({}, "call", 0.5))
    assert policy.act({}, ACTIONS, Random(0)).probabilities["email"] == pytest.approx(0.995)
    for _ in range(500):
        policy.learn(came_of({}, "email", 0.3))
        policy.learn(came_of({}, "call", 0.5))
    assert policy.act({}, ACTIONS, Random(0)).probabilities["call"] == pytest.approx(0.995)


def test_a_policy_rebuilt_from_json_goes_on_the_same():
    policy = LinUCB(max_inputs=3, max_actions=2)
    lived(policy, 60)
    stored = json.loads(json.dumps(policy.checkpoint()))
    rebuilt = LinUCB.restore(stored, max_inputs=3, max_actions=2)
    assert rebuilt.checkpoint() == policy.checkpoint()
    assert lived(rebuilt, 60, seed=5) == lived(policy, 60, seed=5)
    assert rebuilt.checkpoint() == policy.checkpoint()


def test_it_is_bounded():
    policy = LinUCB(max_inputs=4, max_actions=2)
    for n in range(50):
        action = f"action {n % 5}"
        policy.learn(Transition({"id": f"lead {n}"}, (action,), action, 1.0, 1.0))
    stored = policy.checkpoint()
    assert len(stored["names"]) == 4
    assert list(stored["actions"]) == ["action 0", "action 1"]
    assert policy.ignored_actions == 30
    assert policy.ignored_inputs == 17  # of 20 ids, beside the constant
    assert policy.act({"id": "lead 60"}, ("action 0", "action 9"), Random(0)).action


def test_acting_teaches_nothing():
    policy = LinUCB()
    lived(policy, 10)
    before = policy.checkpoint()
    policy.act({"never": 1.0, "seen": "before"}, ("call", "visit"), Random(0))
    assert policy.checkpoint() == before


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"schema": 99}, ModelSchemaError),
        ({"library": "numpy 0"}, ModelSchemaError),
        ({"names": ["", ""]}, ModelFormatError),
        ({"names": []}, ModelFormatError),
        ({"names": [str(n) for n in range(300)]}, ModelFormatError),
        ({"actions": {"call": {"weights": [1.0], "covariance": "no base64"}}}, ModelFormatError),
        ({"actions": {"call": {"weights": [1.0], "covariance": ""}}}, ModelFormatError),
        ({"actions": {"call": {"weights": [math.inf], "covariance": ""}}}, ModelFormatError),
        ({"actions": None}, ModelFormatError),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(broken, error):
    policy = LinUCB()
    lived(policy, 10)
    sound = policy.checkpoint()
    LinUCB.restore(sound)
    with pytest.raises(error):
        LinUCB.restore({**sound, **broken})


@pytest.mark.parametrize("state", [None, [], "x", 1])
def test_a_checkpoint_that_is_no_object_is_refused(state):
    with pytest.raises(ModelFormatError):
        LinUCB.restore(state)


def test_parameters_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="ridge"):
        LinUCB(ridge=0.0)
    with pytest.raises(ValueError, match="epsilon"):
        LinUCB(epsilon=0.0)
    with pytest.raises(ValueError, match="at least one"):
        LinUCB().act({}, (), Random(0))


def test_text_is_a_category_and_there_is_a_constant():
    assert all_inputs({"age": 3, "stage": "demo"}, "call") == {
        "": 1.0,
        "age": 3.0,
        "stage=demo": 1.0,
    }
