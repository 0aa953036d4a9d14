"""LinUCB: the action whose reward may be highest, given the lead; one linear model an action."""

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.axes import category
from online_models.policy.protocol import Choice, Transition, best, checked_epsilon, drawn
from online_models.protocols import Features
from online_models.symmetric import packed, unpacked

CHECKPOINT_SCHEMA = 1
LIBRARY = f"numpy {np.__version__.partition('.')[0]}"
CONSTANT = ""
"""The name of the input that is always 1."""

Array = NDArray[np.float64]
Inputs = Callable[[Features, str], Mapping[str, float]]


@with_config(formats.STRICT)
class ActionState(TypedDict):
    """What is known of one action."""

    weights: list[formats.Weight]
    covariance: str


@with_config(formats.STRICT)
class LinUCBState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    ignored_actions: formats.Count
    ignored_inputs: formats.Count
    names: Annotated[list[str], Field(max_length=10_000)]
    actions: dict[str, ActionState]


_STATE: TypeAdapter[Any] = TypeAdapter(LinUCBState)


def all_inputs(state: Features, candidate: str) -> dict[str, float]:  # noqa: ARG001
    """Return a lead's features as inputs: numbers as they are, text as categories, and a constant.

    >>> all_inputs({"age": 2.0, "stage": "demo"}, "call")
    {'': 1.0, 'age': 2.0, 'stage=demo': 1.0}
    """
    inputs = {CONSTANT: 1.0}
    for name, value in state.items():
        if isinstance(value, str):
            inputs[category(name, value)] = 1.0
        else:
            inputs[name] = float(value)
    return inputs


class RidgeOfAction:
    """Ridge regression of one action's rewards: weights, and their covariance for unit noise."""

    def __init__(self, weights: Array, covariance: Array) -> None:
        self.weights = weights
        self.covariance = covariance

    @property
    def size(self) -> int:
        """How many inputs it has learned of."""
        return len(self.weights)

    def towards(self, numbers: list[int], values: Array) -> Array:
        """Return covariance times inputs; sums in a fixed order, not BLAS: to the same bits."""
        summed: Array = (self.covariance[numbers] * values[:, None]).sum(axis=0)
        return summed

    def grow(self, size: int, prior_variance: float) -> None:
        """Take in inputs that it has not learned of yet."""
        covariance = np.eye(size) * prior_variance
        covariance[: self.size, : self.size] = self.covariance
        self.weights = np.concatenate((self.weights, np.zeros(size - self.size)))
        self.covariance = covariance

    def learn_one(self, numbers: list[int], values: Array, reward: float) -> None:
        """Learn one reward (Sherman and Morrison 1950: the inverse without inverting)."""
        towards = self.towards(numbers, values)
        variance = max(0.0, float((towards[numbers] * values).sum()))
        surprise = reward - float((self.weights[numbers] * values).sum())
        self.weights += towards * (surprise / (1.0 + variance))
        narrowed = towards / math.sqrt(1.0 + variance)
        self.covariance -= np.outer(narrowed, narrowed)


class LinUCB:
    r"""LinUCB with disjoint linear models (Li, Chu, Langford and Schapire 2010, algorithm 1).

    A reward of action :math:`a` is expected to be :math:`x_a^T \theta_a`. Chosen is the highest
    :math:`x_a^T \hat\theta_a + \alpha \sqrt{x_a^T A_a^{-1} x_a}`, where
    :math:`A_a = \lambda I + \sum x_a x_a^T` over what was learned of it, but for a uniform share.

    Own code: River's ``LinUCBDisjoint`` has no :math:`\alpha` (its bound adds one deviation of a
    reward, noise included), gives no probabilities, and keeps its state in private names.

    Parameters
    ----------
    alpha
        How much uncertainty counts. It is for rewards from 0 to 1 and must be chosen: the larger
        the inputs, and the more they are, the longer each action is explored.
    ridge
        :math:`\lambda`; 1 in the paper.
    inputs
        From a lead's features and a candidate, what bears on its reward; all features, if not
        said. Scale them alike.
    epsilon
        The share of choices that is uniform.
    max_actions, max_inputs
        Rewards of further actions, and further inputs, are counted but not learned: an action
        takes 8 bytes times the square of its inputs.

    Raises
    ------
    ValueError
        If epsilon is not above 0 and at most 1, or ridge not above 0.

    Examples
    --------
    >>> policy, rng = LinUCB(alpha=0.5), Random(0)
    >>> for _ in range(20):
    ...     for stage, action in [("new", "email"), ("demo", "call")]:
    ...         for did in ("email", "call"):
    ...             policy.learn(
    ...                 Transition({"stage": stage}, ("email", "call"), did, 0.5, did == action)
    ...             )
    >>> policy.act({"stage": "new"}, ["email", "call"], rng).probabilities["email"] > 0.9
    True
    >>> policy.act({"stage": "demo"}, ["email", "call"], rng).probabilities["call"] > 0.9
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        ridge: float = 1.0,
        inputs: Inputs = all_inputs,
        epsilon: float = 0.05,
        max_actions: int = 50,
        max_inputs: int = 200,
    ) -> None:
        if not ridge > 0.0:
            raise ValueError(f"ridge is {ridge!r}: it must be above 0")
        self.alpha = alpha
        self.prior_variance = 1.0 / ridge
        self.inputs = inputs
        self.epsilon = checked_epsilon(epsilon)
        self.max_actions = max_actions
        self.max_inputs = max_inputs
        self.ignored_actions = 0
        self.ignored_inputs = 0
        self._names: dict[str, int] = {}
        self._actions: dict[str, RidgeOfAction] = {}

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose one of the candidates, as ``Acting.act`` says."""
        bounds = [self._bound(state, candidate) for candidate in candidates]
        return drawn(candidates, best(bounds), self.epsilon, rng)

    def learn(self, transition: Transition) -> None:
        """Learn what an action brought."""
        action = transition.action
        ridge = self._actions.get(action)
        if ridge is None:
            if len(self._actions) >= self.max_actions:
                self.ignored_actions += 1
                return
            ridge = self._actions[action] = RidgeOfAction(np.zeros(0), np.zeros((0, 0)))
        numbers, values = [], []
        for name, value in self.inputs(transition.state, action).items():
            if name not in self._names:
                if len(self._names) >= self.max_inputs:
                    self.ignored_inputs += 1
                    continue
                self._names[name] = len(self._names)
            numbers.append(self._names[name])
            values.append(value)
        if ridge.size < len(self._names):
            ridge.grow(len(self._names), self.prior_variance)
        ridge.learn_one(numbers, np.array(values), transition.reward)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state; covariances are their upper triangles, float64 in base64."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "ignored_actions": self.ignored_actions,
            "ignored_inputs": self.ignored_inputs,
            "names": list(self._names),
            "actions": {
                action: {
                    "weights": ridge.weights.tolist(),
                    "covariance": packed(ridge.covariance),
                }
                for action, ridge in self._actions.items()
            },
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "LinUCB":
        """Rebuild a policy from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken.
        """
        if isinstance(state, Mapping):
            formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: LinUCBState = formats.validated(_STATE, state, "checkpoint")
        policy = cls(**parameters)
        policy.ignored_actions = checked["ignored_actions"]
        policy.ignored_inputs = checked["ignored_inputs"]
        policy._names = {name: number for number, name in enumerate(checked["names"])}
        names, actions = len(checked["names"]), len(checked["actions"])
        if len(policy._names) < names or names > policy.max_inputs or actions > policy.max_actions:
            raise formats.ModelFormatError(
                f"checkpoint is broken: {names} inputs and {actions} actions, each must be there "
                f"once, and {policy.max_inputs} and {policy.max_actions} at most"
            )
        for action, stored in checked["actions"].items():
            size = len(stored["weights"])
            covariance = unpacked(stored["covariance"], size)
            if size > names or not (np.abs(covariance) <= formats.LARGEST).all():
                raise formats.ModelFormatError(
                    f"checkpoint is broken: what {action!r:.60} has learned does not fit the inputs"
                )
            policy._actions[action] = RidgeOfAction(np.array(stored["weights"]), covariance)
        return policy

    def _bound(self, state: Features, candidate: str) -> float:
        """Return how high the reward of a candidate may be."""
        ridge = self._actions.get(candidate)
        numbers, values, unknown = [], [], 0.0
        for name, value in self.inputs(state, candidate).items():
            number = self._names.get(name)
            if ridge is not None and number is not None and number < ridge.size:
                numbers.append(number)
                values.append(value)
            elif number is not None or len(self._names) < self.max_inputs:
                unknown += value * value
        mean, variance = 0.0, unknown * self.prior_variance
        if ridge is not None:
            x = np.array(values)
            towards = ridge.towards(numbers, x)
            mean = float((ridge.weights[numbers] * x).sum())
            variance += max(0.0, float((towards[numbers] * x).sum()))
        return mean + self.alpha * math.sqrt(variance)
