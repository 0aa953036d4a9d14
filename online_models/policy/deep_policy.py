"""What deep policies share: inputs, actions, networks, memory, and how they are stored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config

from online_models import formats
from online_models.policy.encoder import Encoder
from online_models.policy.memory import Memory, MemoryState
from online_models.policy.network_acting import (
    LIBRARY,
    SNAPSHOT_SCHEMA,
    ActingState,
    NetworkActing,
)
from online_models.policy.networks import Adam, AdamState, Network
from online_models.policy.protocol import Choice, Transition
from online_models.protocols import Features

CHECKPOINT_SCHEMA = SNAPSHOT_SCHEMA

Array = NDArray[np.float64]


@with_config(formats.STRICT)
class DeepState(ActingState):
    """The whole state: what acts, what learns, what is remembered."""

    ignored_actions: formats.Count
    networks: dict[str, str]
    optimisers: dict[str, AdamState]
    memory: MemoryState
    episodes: dict[str, Any]


_STATE: TypeAdapter[Any] = TypeAdapter(DeepState)


def check_counts(**counts: int) -> None:
    """Raise ``ValueError`` if a count is not at least 1."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count!r}: it must be at least 1")


class DeepPolicy(ABC):
    """A policy that acts by a network, and learns from a memory of transitions.

    Parameters
    ----------
    hidden
        Units of each hidden layer.
    learning_rate
        Adam's step.
    discount
        What a reward is worth one decision later; the protocol's transitions have no times.
    reward_scale
        The size of a usual reward: it is learned in such units.
    epsilon
        The share of choices that is uniform.
    memory
        How many transitions are remembered.
    max_inputs
        Inputs beyond this many are ignored.
    max_actions
        Transitions of actions beyond this many are counted, but not learned.
    seed
        Of the first weights, and of what is drawn from the memory.

    Raises
    ------
    ValueError
        If a parameter makes no sense.
    ModelLibraryError
        If it learns with autograd, and that is not installed.
    """

    kind: ClassVar[str]
    optimised: ClassVar[Sequence[str]]
    """Which networks an Adam moves; "acting" is the one that acts."""

    def __init__(
        self,
        hidden: Sequence[int],
        learning_rate: float,
        discount: float,
        reward_scale: float,
        epsilon: float,
        memory: int,
        max_inputs: int,
        max_actions: int,
        seed: int,
    ) -> None:
        if not (0.0 <= discount <= 1.0 and reward_scale > 0.0 and learning_rate > 0.0):
            raise ValueError(
                f"discount is {discount!r}, reward_scale {reward_scale!r}, learning_rate "
                f"{learning_rate!r}: they must be from 0 to 1, above 0, and above 0"
            )
        check_counts(memory=memory, max_inputs=max_inputs, max_actions=max_actions)
        self.discount = discount
        self.reward_scale = reward_scale
        self.max_inputs = max_inputs
        self.seed = seed
        self.ignored_actions = 0
        network = Network(hidden, max_actions, seed)
        self.acting = NetworkActing(
            self.kind, self.preferred, Encoder(max_inputs), network, epsilon
        )
        self.networks: dict[str, Network] = {"acting": network}
        self.optimisers = {name: Adam(learning_rate) for name in self.optimised}
        self.memory = Memory(memory, max_actions)

    @property
    def epsilon(self) -> float:
        """The share of choices that is uniform."""
        return self.acting.epsilon

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose one of the candidates, as ``Acting.act`` says."""
        return self.acting.act(state, candidates, rng)

    def learn(self, transition: Transition) -> None:
        """Remember what came of an action, and learn when it is time to."""
        allowed = self.acting.place(transition.candidates)
        if (action := self.acting.actions.get(transition.action)) is None:
            self.ignored_actions += 1
            return
        encoder, following = self.acting.encoder, transition.next_state
        state = encoder.observe(transition.state)
        number = self.memory.add(
            state,
            allowed,
            action,
            transition.action_probability,
            transition.reward,
            None if following is None else encoder.row(following),
            self.acting.place(transition.next_candidates),
        )
        for network in self.networks.values():
            network.grow(len(encoder))
        self._remembered(number, transition)

    def snapshot(self) -> dict[str, Any]:
        """Return what acting needs, without memory."""
        return self.acting.snapshot()

    @classmethod
    def from_snapshot(
        cls, snapshot: dict[str, Any], epsilon: float = 0.05, max_inputs: int = 200, **_: Any
    ) -> NetworkActing:
        """Return what acts as the policy did that the snapshot is of; parameters as of new ones.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema, library or kind, or broken.
        """
        return NetworkActing.from_snapshot(snapshot, cls.kind, cls.preferred, epsilon, max_inputs)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return self.snapshot() | {
            "ignored_actions": self.ignored_actions,
            "networks": {n: net.stored() for n, net in self.networks.items() if n != "acting"},
            "optimisers": {
                name: adam.state(self.networks[name]) for name, adam in self.optimisers.items()
            },
            "memory": self.memory.state(),
            "episodes": self._episodes_state(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a policy from its checkpoint; it goes on as if nothing had happened.

        Units and the number of actions are the checkpoint's.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema, library or kind, or broken; or autograd is
            missing.
        """
        if isinstance(state, Mapping):
            formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: DeepState = formats.validated(_STATE, state, "checkpoint")
        policy = cls(
            **parameters | {"hidden": checked["hidden"], "max_actions": checked["max_actions"]}
        )
        policy.acting.take_over(checked, policy.max_inputs)
        policy.ignored_actions = checked["ignored_actions"]
        further = policy.networks.keys() - {"acting"}
        if checked["networks"].keys() != further or (
            checked["optimisers"].keys() != policy.optimisers.keys()
        ):
            raise formats.ModelFormatError(f"checkpoint is broken: not the networks of {cls.kind}")
        for name in further:
            policy.networks[name].grow(len(policy.acting.encoder))
            policy.networks[name].set_stored(checked["networks"][name])
        for name, adam in policy.optimisers.items():
            adam.set_state(checked["optimisers"][name], policy.networks[name])
        policy.memory.set_state(
            checked["memory"], len(policy.acting.encoder), len(policy.acting.actions)
        )
        policy._set_episodes(checked["episodes"])
        return policy

    @staticmethod
    @abstractmethod
    def preferred(outputs: Sequence[float]) -> Sequence[float]:
        """Return how much each candidate is preferred, by its output of the acting network."""

    @abstractmethod
    def _remembered(self, number: int, transition: Transition) -> None:
        """Learn, if it is time to, now that a transition is in memory under a number."""

    def _episodes_state(self) -> dict[str, Any]:
        """Return what is known of which transition follows which."""
        return {}

    def _set_episodes(self, state: dict[str, Any]) -> None:
        """Take over what ``_episodes_state`` returned; raise ``ModelFormatError`` if broken."""
        if state:
            raise formats.ModelFormatError("checkpoint is broken: it must have no episodes")

    def network_inputs(self, rows: NDArray[np.float32]) -> Array:
        """Return remembered states as the networks take them."""
        return self.acting.encoder.standardised(rows)

    def move(self, name: str, gradient: Array) -> None:
        """Move a network one step against a gradient."""
        self.optimisers[name].move(self.networks[name], gradient)
