"""Actor-critic: one network acts, another says how much better than usual it went."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from online_models import formats
from online_models.policy.deep_policy import DeepPolicy, check_counts
from online_models.policy.episodes import Episodes, EpisodesState
from online_models.policy.network_acting import softmax
from online_models.policy.networks import Network, slope_of
from online_models.policy.policy_losses import (
    clipped_ratio_loss,
    huber_slope,
    one_hot,
    shares,
    standardised,
)
from online_models.policy.protocol import Transition

Array = NDArray[np.float64]

_EPISODES: TypeAdapter[Any] = TypeAdapter(EpisodesState)


class ActorCritic(DeepPolicy):
    r"""Advantage actor-critic with a clipped ratio of probabilities (Schulman et al. 2017).

    Transitions are gathered; each time that ``memory`` of them are, they are learned together,
    some passes over them, and then make room for the next. The critic :math:`V` tells of each
    transition by how much it was better than usual,
    :math:`\delta_t = r_t + \gamma V(s_{t+1}) - V(s_t)`, and where what came next is known
    (``episodes``), that counts, too:

    .. math:: A_t = \delta_t + \gamma \lambda \bar\rho_{t+1} A_{t+1},
       \qquad \bar\rho_t = \min(1, \pi(a_t | s_t) / \mu_t)

    :math:`\mu` is the logged ``action_probability``. What the present policy would hardly do
    counts the less (V-trace: Espeholt et al. 2018, equation 1 and remark 2: the critic moves
    towards :math:`V + \bar\rho_t A_t`); where the policy itself has acted, :math:`A` is the
    generalised advantage (Schulman et al. 2016, equation 16).

    The actor moves along the clipped surrogate, each advantage weighted by
    :math:`\pi(a_t | s_t) / \mu_t` of before, ``largest_ratio`` at most. What bounds the step is
    the policy before it, not the one that was logged (Hilton, Cobbe and Schulman 2022, section
    3: decoupled): an older policy, or another one, may have acted.

    Own code: the well-kept libraries stand on PyTorch or JAX.

    Parameters
    ----------
    hidden, learning_rate, discount, reward_scale, epsilon, max_inputs, max_actions, seed
        As of ``DeepPolicy``.
    memory
        How many transitions are learned together.
    batch
        How many of them make a step.
    passes
        How often each of them is gone over.
    trace
        :math:`\lambda`: 0 for the advantage of one step, 1 for all that is known to follow.
    clip
        An action whose probability has changed by a larger share is not pushed on.
    largest_ratio
        The ratio to the logged probability is clipped there.
    entropy
        What a unit of entropy is worth, in standard deviations of advantages.
    """

    kind = "actor_critic"
    optimised = ("acting", "critic")

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 0.001,
        discount: float = 0.99,
        reward_scale: float = 1.0,
        epsilon: float = 0.05,
        memory: int = 1_024,
        batch: int = 128,
        passes: int = 10,
        trace: float = 0.95,
        clip: float = 0.2,
        largest_ratio: float = 2.0,
        entropy: float = 0.01,
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
        check_counts(batch=batch, passes=passes)
        self.batch = batch
        self.passes = passes
        self.trace = trace
        self.clip = clip
        self.largest_ratio = largest_ratio
        self.entropy = entropy
        self.networks["critic"] = Network(hidden, 1, seed)
        self.episodes = Episodes(self.memory)
        self._actor_slope = slope_of(clipped_ratio_loss)

    @staticmethod
    def preferred(outputs: Sequence[float]) -> Sequence[float]:
        """Prefer each candidate in proportion to the exponential of its output."""
        return softmax(outputs)

    def _remembered(self, number: int, transition: Transition) -> None:
        self.episodes.add(number, transition.state, transition.next_state)
        if (number + 1) % self.memory.capacity == 0:
            self._learn_all()

    def _learn_all(self) -> None:
        memory = self.memory
        at = memory.places(memory.numbers())
        inputs = self.network_inputs(memory.states[at])
        allowed = memory.allowed[at].astype(np.float64)
        taken = one_hot(memory.actions[at], allowed.shape[1])
        before = self._probabilities(inputs, allowed, taken)
        ratios = before / memory.probabilities[at]
        usual, advantages = self._advantages(inputs, ratios, at)
        targets = usual + np.minimum(1.0, ratios) * advantages
        advantages = np.minimum(self.largest_ratio, ratios) * standardised(advantages)
        actor, critic = self.networks["acting"], self.networks["critic"]
        only = np.zeros(len(at), np.int32)  # the critic has one output
        generator = np.random.default_rng([self.seed, memory.seen])
        for _ in range(self.passes):
            for part in _parts(generator.permutation(len(at)), self.batch):
                of_actor = partial(
                    self._actor_slope,
                    taken=taken[part],
                    allowed=allowed[part],
                    epsilon=self.epsilon,
                    before=before[part],
                    advantages=advantages[part],
                    clip=self.clip,
                    entropy=self.entropy,
                )
                self.move("acting", actor.gradient(of_actor, inputs[part]))
                of_critic = partial(huber_slope, places=only[part], targets=targets[part])
                self.move("critic", critic.gradient(of_critic, inputs[part]))

    def _probabilities(self, inputs: Array, allowed: Array, taken: Array) -> Array:
        """Return how probable what was done is for the present policy."""
        outputs = self.networks["acting"].outputs_of(inputs)
        found: Array = (shares(np, outputs, allowed, self.epsilon) * taken).sum(axis=1)
        return found

    def _advantages(
        self, inputs: Array, ratios: Array, at: NDArray[np.int64]
    ) -> tuple[Array, Array]:
        """Return what is usual in each state, and by how much it went better."""
        memory, critic = self.memory, self.networks["critic"]
        usual = critic.outputs_of(inputs)[:, 0]
        later = critic.outputs_of(self.network_inputs(memory.next_states[at]))[:, 0]
        later[memory.ended[at]] = 0.0
        advantages = memory.rewards[at] / self.reward_scale + self.discount * later - usual
        kept = self.discount * self.trace * np.minimum(1.0, ratios)
        first = memory.seen - len(memory)
        for row in range(len(at) - 1, 0, -1):
            if (previous := self.episodes.previous(first + row)) is not None:
                advantages[previous - first] += kept[row] * advantages[row]
        return usual, advantages

    def _episodes_state(self) -> dict[str, Any]:
        return self.episodes.state()

    def _set_episodes(self, state: dict[str, Any]) -> None:
        self.episodes.set_state(formats.validated(_EPISODES, state, "episodes"))


def _parts(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Return an order in parts of a size; the last may be smaller."""
    return [order[start : start + size] for start in range(0, len(order), size)]
