"""Acting by a network that has an output for each action: from a snapshot, with numpy only."""

from collections.abc import Callable, Mapping, Sequence
from math import exp
from random import Random
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.encoder import Encoder, EncoderState
from online_models.policy.networks import Hidden, Network
from online_models.policy.protocol import Choice, checked_epsilon, drawn
from online_models.protocols import Features

SNAPSHOT_SCHEMA = 1
LIBRARY = f"numpy {np.__version__.partition('.')[0]}"

Preferred = Callable[[Sequence[float]], Sequence[float]]
Outputs = Annotated[int, Field(ge=1, le=1_000)]


@with_config(formats.STRICT)
class ActingState(TypedDict):
    """What acting needs: of a snapshot, and as a part of a checkpoint."""

    schema: int
    library: str
    kind: str
    inputs: EncoderState
    actions: list[str]
    max_actions: Outputs
    hidden: Hidden
    acting: str


_STATE: TypeAdapter[Any] = TypeAdapter(ActingState)


def softmax(scores: Sequence[float]) -> list[float]:
    """Return shares in proportion to the exponentials of scores, the highest being 1.

    >>> softmax([1.0, 1.0])
    [1.0, 1.0]
    """
    highest = max(scores, default=0.0)
    return [exp(score - highest) for score in scores]


class NetworkActing:
    """Prefers candidates by a network's outputs, mixed with a uniform share.

    A candidate that was never learned of has output 0, as all have at first.

    Parameters
    ----------
    kind
        The name of the policy that it acts for.
    preferred
        From the candidates' outputs, how much each is preferred.
    encoder
        What makes a lead's features the network's inputs.
    network
        With an output for each action there may be.
    epsilon
        The share of choices that is uniform.
    """

    def __init__(
        self, kind: str, preferred: Preferred, encoder: Encoder, network: Network, epsilon: float
    ) -> None:
        self.kind = kind
        self.preferred = preferred
        self.encoder = encoder
        self.network = network
        self.epsilon = checked_epsilon(epsilon)
        self.actions: dict[str, int] = {}

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose one of the candidates, as ``Acting.act`` says."""
        outputs = [0.0] * len(candidates)
        known = [n for n, candidate in enumerate(candidates) if candidate in self.actions]
        if known and self.network.inputs:
            inputs, values = self.encoder.inputs_of(state)
            wanted = [self.actions[candidates[n]] for n in known]
            found = self.network.outputs_of_one(inputs, values, wanted)
            for n, output in zip(known, found, strict=True):
                outputs[n] = output
        return drawn(candidates, self.preferred(outputs), self.epsilon, rng)

    def place(self, candidates: Sequence[str]) -> list[int]:
        """Return the outputs of candidates, new ones with their own, while there is room."""
        for candidate in candidates:
            if candidate not in self.actions and len(self.actions) < self.network.outputs:
                self.actions[candidate] = len(self.actions)
        return [self.actions[c] for c in candidates if c in self.actions]

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SNAPSHOT_SCHEMA,
            "library": LIBRARY,
            "kind": self.kind,
            "inputs": self.encoder.state(),
            "actions": list(self.actions),
            "max_actions": self.network.outputs,
            "hidden": list(self.network.hidden),
            "acting": self.network.stored(),
        }

    def take_over(self, checked: ActingState, max_inputs: int) -> None:
        """Take over a state that was checked by its types.

        Raises
        ------
        ModelFormatError
            If it is of another kind, or its parts do not fit each other.
        """
        if checked["kind"] != self.kind:
            raise formats.ModelFormatError(
                f"stored policy is of {checked['kind']!r:.60}: it must be of {self.kind!r}"
            )
        self.actions = {name: number for number, name in enumerate(checked["actions"])}
        if not len(self.actions) == len(checked["actions"]) <= self.network.outputs:
            raise formats.ModelFormatError(
                f"stored policy is broken: each of {len(checked['actions'])} actions must be there "
                f"once, and {self.network.outputs} at most"
            )
        self.encoder = Encoder.restore(checked["inputs"], max_inputs)
        self.network.grow(len(self.encoder))
        self.network.set_stored(checked["acting"])

    @classmethod
    def from_snapshot(
        cls,
        snapshot: dict[str, Any],
        kind: str,
        preferred: Preferred,
        epsilon: float,
        max_inputs: int,
    ) -> "NetworkActing":
        """Rebuild what acts from its snapshot.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema, library or kind, or broken.
        """
        if isinstance(snapshot, Mapping):
            formats.check_origin(snapshot, SNAPSHOT_SCHEMA, LIBRARY)
        checked: ActingState = formats.validated(_STATE, snapshot, "snapshot")
        network = Network(checked["hidden"], checked["max_actions"], seed=0)
        acting = cls(kind, preferred, Encoder(max_inputs), network, epsilon)
        acting.take_over(checked, max_inputs)
        return acting
