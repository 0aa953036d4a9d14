"""Classic control from Gymnasium: the learners are right, not made for our own world.

``LEADSTREAM_CONTROL_SEEDS=10`` trains with as many seeds; ``python -m pytest -s`` prints each.

A problem counts as solved by what Gymnasium says of it: CartPole-v1 where 100 episodes return 475
in the mean. Training ends as soon as a check on 50 other episodes is passed, or with its budget of
steps. What is evaluated is what would serve: a snapshot, with a uniform share of 0.1 %.
"""

import os
from random import Random
from statistics import fmean
from time import process_time
from typing import Any, NamedTuple

import pytest

from online_models.policy.catalogue import build_acting, build_policy
from online_models.policy.protocol import Transition

gymnasium = pytest.importorskip("gymnasium")

SEEDS = int(os.environ.get("LEADSTREAM_CONTROL_SEEDS", "1"))
CHECKED, EVALUATED = 10_000_000, 20_000_000
"""Where the seeds of episodes begin that a policy is checked and evaluated on."""
SERVING_EPSILON = 0.001


class Problem(NamedTuple):
    name: str
    actions: tuple[str, ...]
    features: tuple[str, ...]
    enough: float

    def state(self, observation: Any) -> dict[str, float]:
        values = observation if len(self.features) > 1 else [observation]
        return dict(zip(self.features, map(float, values), strict=True))


CART_POLE = Problem(
    "CartPole-v1", ("left", "right"), ("position", "velocity", "angle", "spin"), 475.0
)
FROZEN_LAKE = Problem("FrozenLake-v1", ("left", "down", "right", "up"), ("field",), 0.70)


class Learner(NamedTuple):
    """A kind of policy, with its parameters and the steps that it may take."""

    problem: Problem
    kind: str
    steps: int
    check_every: int
    parameters: dict[str, Any]
    truncated_is_end: bool = False
    """Whether an episode that is cut short counts as ended."""


DQN = Learner(
    CART_POLE,
    "dqn",
    steps=60_000,
    check_every=1_000,
    parameters={
        "epsilon": 0.1,
        "reward_scale": 10.0,
        "memory": 50_000,
        "batch": 128,
        "learn_every": 4,
        "target_every": 50,
        "learning_rate": 0.0005,
    },
)
ACTOR_CRITIC = Learner(
    CART_POLE, "actor_critic", steps=60_000, check_every=2_048, parameters={"reward_scale": 10.0}
)
POLICY_GRADIENT = Learner(
    CART_POLE,
    "policy_gradient",
    steps=150_000,
    check_every=5_000,
    parameters={"reward_scale": 10.0},
    truncated_is_end=True,
)
Q_LEARNING = Learner(
    FROZEN_LAKE,
    "q_learning",
    steps=200_000,
    check_every=200_000,
    parameters={"epsilon": 0.3, "learning_rate": 0.01},
)


def made(problem: Problem) -> Any:
    return gymnasium.make(problem.name, disable_env_checker=True)


def mean_return(learner: Learner, policy: Any, first_seed: int, episodes: int) -> float:
    problem, returns = learner.problem, []
    parameters = learner.parameters | {"epsilon": SERVING_EPSILON}
    acting = build_acting(learner.kind, policy.snapshot(), **parameters)
    environment, rng = made(problem), Random(first_seed)
    for episode in range(episodes):
        observation, _ = environment.reset(seed=first_seed + episode)
        total, over = 0.0, False
        while not over:
            choice = acting.act(problem.state(observation), problem.actions, rng)
            place = problem.actions.index(choice.action)
            observation, reward, terminated, truncated, _ = environment.step(place)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return fmean(returns)


def trained(learner: Learner, seed: int) -> tuple[Any, int]:
    """Return a policy that passed its check or used its budget, and how many steps it took."""
    problem, actions = learner.problem, learner.problem.actions
    policy: Any = build_policy(learner.kind, **learner.parameters, seed=seed)
    environment, rng = made(problem), Random(seed)
    state = problem.state(environment.reset(seed=seed)[0])
    for step in range(1, learner.steps + 1):
        choice = policy.act(state, actions, rng)
        place = actions.index(choice.action)
        observation, reward, terminated, truncated, _ = environment.step(place)
        ended = terminated or (truncated and learner.truncated_is_end)
        following = problem.state(observation)
        policy.learn(
            Transition(
                state,
                actions,
                choice.action,
                choice.action_probability,
                float(reward),
                None if ended else following,
                () if ended else actions,
            )
        )
        over = terminated or truncated
        state = problem.state(environment.reset()[0]) if over else following
        if step % learner.check_every == 0 and passed(learner, policy):
            return policy, step
    return policy, learner.steps


def passed(learner: Learner, policy: Any) -> bool:
    """Tell whether 50 episodes go clearly well enough; a look at two of them comes first."""
    clearly = learner.problem.enough * 1.03
    return all(mean_return(learner, policy, CHECKED, n) >= clearly for n in (2, 50))


def solved(learner: Learner, episodes: int) -> list[bool]:
    found = []
    for seed in range(SEEDS):
        began = process_time()
        policy, steps = trained(learner, seed)
        mean = mean_return(learner, policy, EVALUATED, episodes)
        found.append(mean >= learner.problem.enough)
        print(
            f"{learner.problem.name} {learner.kind} seed {seed}: {mean:.3f} after {steps} steps, "
            f"{process_time() - began:.0f} s of processor",
            flush=True,
        )
    print(f"{learner.kind}: {sum(found)} of {SEEDS} seeds", flush=True)
    return found


@pytest.mark.timeout(0 if SEEDS > 1 else 240)
@pytest.mark.parametrize("learner", [DQN, ACTOR_CRITIC], ids=lambda it: it.kind)
def test_cart_pole_is_solved(learner):
    assert all(solved(learner, episodes=100))


@pytest.mark.timeout(0 if SEEDS > 1 else 240)
def test_cart_pole_is_solved_by_most_seeds_of_the_policy_gradient():
    """It moves once in several episodes, and may lose again what it had found."""
    assert sum(solved(POLICY_GRADIENT, episodes=100)) > SEEDS / 2


@pytest.mark.timeout(0 if SEEDS > 1 else 240)
def test_frozen_lake_is_solved():
    assert all(solved(Q_LEARNING, episodes=1_000))
