"""SquareCB: a bandit whose actions have features, so that what one brought tells of others too."""

import math
from collections.abc import Mapping
from random import Random

from online_models.effect_regression import RewardRegression
from online_models.policy.protocol import Choice, checked_epsilon, drawn
from online_models.protocols import Features

INPUTS_KEPT = 512
"""Inputs that the regression has room for: 2 MB, and less than a millisecond a reward."""
GAMMA = 50.0
"""At the first reward, how fast exploration narrows: of 5 to 100, the one that earned most, or
within .05 of it, in simulated problems of 3 to 20 actions and rates of 1 to 30 %."""


class SquareCB:
    r"""Each action the less probable, the less it is expected to bring.

    Of :math:`K` actions, one with expected reward :math:`\hat y_a` is taken with probability
    :math:`1/(K + \gamma(\hat y_b - \hat y_a))`, the best one :math:`b` with what is left; so
    actions that are nearly as good are tried often, and those that are far behind hardly ever
    (Foster and Rakhlin 2020, "Beyond UCB", algorithm 1). :math:`\gamma` grows with the root of the
    rewards learned. What is expected comes from one regression over the features of the context,
    of the action, and of both together. Mixed with a uniform share, as all policies are.

    Parameters
    ----------
    epsilon
        The share of choices that is uniform.

    Raises
    ------
    ValueError
        If epsilon is not above 0 and at most 1.

    Examples
    --------
    >>> bandit = SquareCB(epsilon=0.01)
    >>> actions = {"price": {"id": "price"}, "story": {"id": "story"}}
    >>> for _ in range(200):
    ...     bandit.learn({"role": "buyer"}, actions["price"], 1.0)
    ...     bandit.learn({"role": "buyer"}, actions["story"], 0.0)
    ...     bandit.learn({"role": "user"}, actions["price"], 0.0)
    ...     bandit.learn({"role": "user"}, actions["story"], 1.0)
    >>> [bandit.act({"role": role}, actions, Random(1)).action for role in ("buyer", "user")]
    ['price', 'story']
    """

    def __init__(self, epsilon: float = 0.05) -> None:
        self.epsilon = checked_epsilon(epsilon)
        self.learned = 0
        self._regression = RewardRegression(max_together=INPUTS_KEPT)

    def act(self, context: Features, actions: Mapping[str, Features], rng: Random) -> Choice:
        """Choose one of the actions; nothing is learned by that.

        Parameters
        ----------
        context
            What is known of who is shown it.
        actions
            Id of each action that may be taken -> its features.

        Raises
        ------
        ValueError
            If there are no actions.
        """
        expected = [self.expected(context, features) for features in actions.values()]
        gamma = GAMMA * math.sqrt(self.learned + 1.0)
        return drawn(list(actions), inverse_gaps(expected, gamma), self.epsilon, rng)

    def expected(self, context: Features, action: Features) -> float:
        """Return the reward expected of an action."""
        return self._regression.predict_one(joint(context, action))[0]

    def learn(self, context: Features, action: Features, reward: float) -> None:
        """Learn what an action brought, from -1 to 1."""
        self._regression.learn_one(joint(context, action), reward)
        self.learned += 1


def inverse_gaps(expected: list[float], gamma: float) -> list[float]:
    """Return the probability of each action by its gap to the best one.

    >>> [round(p, 3) for p in inverse_gaps([0.5, 0.5, 0.1], 10.0)]
    [0.524, 0.333, 0.143]
    """
    best = expected.index(max(expected))
    found = [1.0 / (len(expected) + gamma * (expected[best] - each)) for each in expected]
    found[best] = 0.0
    found[best] = max(0.0, 1.0 - math.fsum(found))
    return found


def joint(context: Features, action: Features) -> dict[str, float | str]:
    """Return the features of context and action, and of each pair of the two.

    Numbers enter pairs by the step of their axis that is nearest.

    >>> joint({"role": "buyer"}, {"id": "a"})
    {'context.role': 'buyer', 'action.id': 'a', 'role*id': 'buyer*a'}
    """
    found: dict[str, float | str] = {f"context.{name}": value for name, value in context.items()}
    found.update({f"action.{name}": value for name, value in action.items()})
    of_action = [(name, _step(value)) for name, value in action.items()]
    for name, value in context.items():
        step = _step(value)
        for other, other_step in of_action:
            found[f"{name}*{other}"] = f"{step}*{other_step}"
    return found


def _step(value: float | str) -> str:
    return value if isinstance(value, str) else str(round(value))
