"""Deep Q-network: what an action brings now and later, learned again and again from memory."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from online_models.policy.deep_policy import DeepPolicy, check_counts
from online_models.policy.networks import Network
from online_models.policy.policy_losses import huber_slope
from online_models.policy.protocol import Transition, best

Array = NDArray[np.float64]


class DeepQNetwork(DeepPolicy):
    r"""Deep Q-network (Mnih et al. 2015, algorithm 1) with double Q-learning.

    Each so many transitions, one batch out of the memory is learned: the value of the action
    taken moves towards :math:`r + \gamma Q'(s', \arg\max_{a \in C'} Q(s', a))`, where
    :math:`C'` are the candidates then, and :math:`Q'` is a target network that follows slowly
    (van Hasselt, Guez and Silver 2016, equation 4). Since the target asks for the best that
    could be done next, not for what was done, it does not matter which policy acted.

    Values that have been right may become wrong again: serve a snapshot that was checked, not
    always the last. Learning needs numpy only, since the loss's slope is written out.

    Own code: the well-kept libraries stand on PyTorch or JAX.

    Parameters
    ----------
    hidden, learning_rate, discount, reward_scale, epsilon, memory, max_inputs, max_actions, seed
        As of ``DeepPolicy``.
    batch
        How many remembered transitions a step learns from.
    learn_after
        How many transitions there must have been before the first step.
    learn_every
        How many transitions there are to a step.
    target_every, target_share
        Each so many steps the target network moves by that share of the way to the other one:
        1 and a small share (soft; Lillicrap et al. 2016), or many and 1 (periodic; the default).
    double
        Whether the best action is found by the network itself; else by the target network.

    Examples
    --------
    >>> from random import Random
    >>> policy = DeepQNetwork(hidden=(8,), learn_after=32, learning_rate=0.01)
    >>> for n in range(200):
    ...     did = ("call", "email")[n % 2]
    ...     policy.learn(Transition({"age": 1.0}, ("call", "email"), did, 0.5, did == "email"))
    >>> round(policy.act({"age": 1.0}, ["call", "email"], Random(0)).probabilities["email"], 3)
    0.975
    """

    kind = "dqn"
    optimised = ("acting",)

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 0.001,
        discount: float = 0.99,
        reward_scale: float = 1.0,
        epsilon: float = 0.05,
        memory: int = 10_000,
        batch: int = 64,
        learn_after: int = 500,
        learn_every: int = 1,
        target_every: int = 500,
        target_share: float = 1.0,
        double: bool = True,
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
        check_counts(batch=batch, learn_every=learn_every, target_every=target_every)
        self.batch = batch
        self.learn_after = learn_after
        self.learn_every = learn_every
        self.target_every = target_every
        self.target_share = target_share
        self.double = double
        self.networks["target"] = Network(hidden, max_actions, seed)

    @staticmethod
    def preferred(outputs: Sequence[float]) -> Sequence[float]:
        """Prefer the candidate of the highest value."""
        return best(outputs)

    def _remembered(self, number: int, transition: Transition) -> None:  # noqa: ARG002
        if number + 1 >= self.learn_after and number % self.learn_every == 0:
            self._learn_batch()

    def _learn_batch(self) -> None:
        memory, acting = self.memory, self.networks["acting"]
        generator = np.random.default_rng([self.seed, self.optimisers["acting"].steps])
        at = generator.integers(0, len(memory), self.batch)
        targets = memory.rewards[at] / self.reward_scale + self.discount * self._later(at)
        slope = partial(huber_slope, places=memory.actions[at], targets=targets)
        self.move("acting", acting.gradient(slope, self.network_inputs(memory.states[at])))
        if self.optimisers["acting"].steps % self.target_every == 0:
            target = self.networks["target"]
            target.weights += self.target_share * (acting.weights - target.weights)

    def _later(self, at: NDArray[np.int64]) -> Array:
        """Return what the next decisions are worth; 0 where there was none to be taken."""
        inputs = self.network_inputs(self.memory.next_states[at])
        allowed = self.memory.next_allowed[at]
        values = self.networks["target"].outputs_of(inputs)
        by = self.networks["acting"].outputs_of(inputs) if self.double else values
        chosen = np.where(allowed, by, -np.inf).argmax(axis=1)
        found: Array = np.where(allowed.any(axis=1), values[np.arange(len(at)), chosen], 0.0)
        return found
