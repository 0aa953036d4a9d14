"""Policy gradient: actions that led to more than usual become more probable."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.deep_policy import DeepPolicy, check_counts
from online_models.policy.episodes import Episodes, EpisodesState
from online_models.policy.network_acting import softmax
from online_models.policy.networks import Network, slope_of
from online_models.policy.policy_losses import (
    huber_slope,
    log_probability_loss,
    one_hot,
    shares,
    standardised,
)
from online_models.policy.protocol import Transition

Array = NDArray[np.float64]


@with_config(formats.STRICT)
class EndedState(TypedDict):
    """Which transition follows which, and the numbers of those that ended an episode."""

    links: EpisodesState
    ends: list[Annotated[int, Field(ge=0, le=10**12)]]


_EPISODES: TypeAdapter[Any] = TypeAdapter(EndedState)


class PolicyGradient(DeepPolicy):
    r"""REINFORCE with a baseline (Williams 1992; Sutton and Barto 2018, section 13.4).

    Each time that so many episodes have ended, the policy moves one step along
    :math:`\rho_t (G_t - b(s_t)) \nabla \log \pi(a_t | s_t)` over all their transitions.
    :math:`G_t` is the discounted sum of rewards from :math:`t` to the episode's end, :math:`b` a
    second network that is fitted to it, and :math:`\rho_t` the action's probability over the
    logged one, clipped. Actions after :math:`t` are taken as the policy's own (Degris, White and
    Sutton 2012): with an old log, what acted must not be far from the policy.

    An episode is learned when it has ended and not before; of one that is longer than the
    memory, its last part.

    Parameters
    ----------
    hidden, learning_rate, discount, reward_scale, epsilon, max_inputs, max_actions, seed
        As of ``DeepPolicy``.
    memory
        How many transitions are remembered, of all episodes that are still open.
    episodes
        How many ended episodes make a step.
    baseline_steps
        How many steps the baseline makes then.
    largest_ratio
        The ratio of probabilities is clipped there.
    """

    kind = "policy_gradient"
    optimised = ("acting", "baseline")

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 0.003,
        discount: float = 0.99,
        reward_scale: float = 1.0,
        epsilon: float = 0.05,
        memory: int = 10_000,
        episodes: int = 8,
        baseline_steps: int = 10,
        largest_ratio: float = 2.0,
        max_inputs: int = 200,
        max_actions: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__(
            hidden,
            learning_rate,
            discount,
            reward_scale,
            epsilon,
            memory,
            max_inputs,
            max_actions,
            seed,
        )
        check_counts(episodes=episodes, baseline_steps=baseline_steps)
        self.episodes_a_step = episodes
        self.baseline_steps = baseline_steps
        self.largest_ratio = largest_ratio
        self.networks["baseline"] = Network(hidden, 1, seed)
        self.episodes = Episodes(self.memory)
        self._ends: list[int] = []
        self._actor_slope = slope_of(log_probability_loss)

    @staticmethod
    def preferred(outputs: Sequence[float]) -> Sequence[float]:
        """Prefer each candidate in proportion to the exponential of its output."""
        return softmax(outputs)

    def _remembered(self, number: int, transition: Transition) -> None:
        self.episodes.add(number, transition.state, transition.next_state)
        if transition.next_state is None:
            self._ends.append(number)
        if len(self._ends) >= self.episodes_a_step:
            self._learn_ended()
            self._ends = []

    def _learn_ended(self) -> None:
        memory = self.memory
        numbers, returns = self._returns()
        if not numbers:
            return
        at = memory.places(np.array(numbers))
        inputs, targets = self.network_inputs(memory.states[at]), np.array(returns)
        allowed = memory.allowed[at].astype(np.float64)
        taken = one_hot(memory.actions[at], allowed.shape[1])
        actor, baseline = self.networks["acting"], self.networks["baseline"]
        probabilities = shares(np, actor.outputs_of(inputs), allowed, self.epsilon)
        ratios = (probabilities * taken).sum(axis=1) / memory.probabilities[at]
        advantages = standardised(targets - baseline.outputs_of(inputs)[:, 0])
        worth = np.minimum(self.largest_ratio, ratios) * advantages
        of_actor = partial(
            self._actor_slope, taken=taken, allowed=allowed, epsilon=self.epsilon, worth=worth
        )
        self.move("acting", actor.gradient(of_actor, inputs))
        only = np.zeros(len(at), np.int32)  # the baseline has one output
        of_baseline = partial(huber_slope, places=only, targets=targets)
        for _ in range(self.baseline_steps):
            self.move("baseline", baseline.gradient(of_baseline, inputs))

    def _returns(self) -> tuple[list[int], list[float]]:
        """Return the transitions of the ended episodes, and what each of them led to."""
        numbers, returns = [], []
        for end in self._ends:
            later = 0.0
            for number in self.episodes.ending_with(end):
                reward = self.memory.rewards[number % self.memory.capacity]
                later = float(reward) / self.reward_scale + self.discount * later
                numbers.append(number)
                returns.append(later)
        return numbers, returns

    def _episodes_state(self) -> dict[str, Any]:
        return {"links": self.episodes.state(), "ends": list(self._ends)}

    def _set_episodes(self, state: dict[str, Any]) -> None:
        checked: EndedState = formats.validated(_EPISODES, state, "episodes")
        ends = checked["ends"]
        if len(ends) >= self.episodes_a_step or not all(
            end < later for end, later in pairwise([*ends, self.memory.seen])
        ):
            raise formats.ModelFormatError("episodes are broken: ends that cannot have been")
        self.episodes.set_state(checked["links"])
        self._ends = ends
