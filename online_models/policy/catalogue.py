"""Every kind of policy by its name: what learns it, and what acts from its snapshots."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from online_models.axes import LARGEST_POSITION
from online_models.formats import ModelSchemaError
from online_models.policy.actor_critic import ActorCritic
from online_models.policy.bandits import (
    UCB1,
    Bandit,
    BetaThompson,
    EpsilonGreedy,
    GaussianThompson,
    Uniform,
)
from online_models.policy.deep_policy import DeepPolicy
from online_models.policy.dqn import DeepQNetwork
from online_models.policy.encoder import is_number
from online_models.policy.in_order import InOrder
from online_models.policy.lin_ucb import LinUCB, all_inputs
from online_models.policy.policy_gradient import PolicyGradient
from online_models.policy.protocol import Acting, Policy
from online_models.policy.q_learning import QLearning
from online_models.protocols import Features


class Kind(NamedTuple):
    """A kind of policy; ``parameters`` are the same for all three, by their names.

    Parameters
    ----------
    new
        Makes one that knows nothing, of parameters.
    restore
        Rebuilds one from its checkpoint and parameters; raises ``ModelFormatError`` if that does
        not fit.
    snapshot
        What acting needs of one, as plain JSON.
    acting
        What acts as it did, from its snapshot and parameters; raises as ``restore`` does.
    looks_ahead
        Whether it learns from what comes after the reward, too: ``next_state`` and
        ``next_candidates``.
    """

    new: Callable[..., Policy]
    restore: Callable[..., Policy]
    snapshot: Callable[[Any], dict[str, Any]]
    acting: Callable[..., Acting]
    looks_ahead: bool


def sound_inputs(state: Features, candidate: str) -> dict[str, float]:
    """Return a lead's features as LinUCB takes them, those left out that are no number.

    >>> sound_inputs({"age": 1e300, "stage": "demo", "size": float("nan")}, "call")
    {'': 1.0, 'age': 40.0, 'stage=demo': 1.0}
    """
    sound: dict[str, float | str] = {}
    for name, value in state.items():
        if isinstance(value, str):
            sound[name] = value
        elif is_number(value):
            sound[name] = max(-LARGEST_POSITION, min(LARGEST_POSITION, value))
    return all_inputs(sound, candidate)


def _bandit(kind: type[Bandit]) -> Kind:
    # A bandit is so small that what acts is the whole of it.
    return Kind(kind, kind.restore, kind.checkpoint, kind.restore, looks_ahead=False)


def _looking_ahead(kind: type[QLearning | DeepPolicy]) -> Kind:
    return Kind(kind, kind.restore, kind.snapshot, kind.from_snapshot, looks_ahead=True)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "rules": Kind(
            InOrder, InOrder.restore, InOrder.checkpoint, InOrder.restore, looks_ahead=False
        ),
        "random": _bandit(Uniform),
        "epsilon_greedy": _bandit(EpsilonGreedy),
        "ucb1": _bandit(UCB1),
        "beta_thompson": _bandit(BetaThompson),
        "gaussian_thompson": _bandit(GaussianThompson),
        "lin_ucb": Kind(
            partial(LinUCB, inputs=sound_inputs),
            partial(LinUCB.restore, inputs=sound_inputs),
            LinUCB.checkpoint,
            partial(LinUCB.restore, inputs=sound_inputs),
            looks_ahead=False,
        ),
        "q_learning": _looking_ahead(QLearning),
        "dqn": _looking_ahead(DeepQNetwork),
        "policy_gradient": _looking_ahead(PolicyGradient),
        "actor_critic": _looking_ahead(ActorCritic),
    }
)


def build_policy(
    kind: str, checkpoint: Mapping[str, Any] | None = None, **parameters: Any
) -> Policy:
    """Return a policy, new or as its checkpoint has it.

    Raises
    ------
    ModelFormatError
        If there is no such kind, or the checkpoint does not fit this release or is of another.

    Examples
    --------
    >>> from random import Random
    >>> build_policy("ucb1", epsilon=0.1).act({}, ["call"], Random(0)).action
    'call'
    """
    if checkpoint is None:
        return known(kind).new(**parameters)
    return known(kind).restore(dict(checkpoint), **parameters)


def build_acting(kind: str, snapshot: dict[str, Any], **parameters: Any) -> Acting:
    """Return what acts from a snapshot; raises as ``build_policy`` does."""
    return known(kind).acting(snapshot, **parameters)


def known(kind: str) -> Kind:
    """Return a kind by its name.

    Raises
    ------
    ModelFormatError
        If there is none of that name.
    """
    if kind not in KINDS:
        raise ModelSchemaError(
            f"no kind of policy is called {kind!r:.70}; there are {', '.join(KINDS)}"
        )
    return KINDS[kind]
