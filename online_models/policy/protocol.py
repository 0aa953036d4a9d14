"""What leadstream asks of a policy: one protocol for rules, bandits and reinforcement learning.

How the families fit it:

========================  ==================================================================
rules                     only act (``Acting``): one candidate is preferred, by the state
epsilon-greedy, UCB,      ignore ``state``; learn ``reward`` of ``action``
Thompson sampling
LinUCB                    learns ``reward`` of ``action`` given ``state``
Q-learning, DQN           learn towards ``reward`` plus the discounted best value of
                          ``next_candidates`` in ``next_state``; reward alone where it is None
policy gradient,          learn along the gradient of the log probability of ``action`` among
actor-critic              ``candidates``, weighted by their own probability of it over
                          ``action_probability``: an older version may have acted
========================  ==================================================================

What an episode needs (a replay buffer, eligibility traces) is the policy's own state.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from online_models.protocols import Features

LARGEST_REWARD = 1e15
"""Rewards are taken no larger than this, either way: an infinite one would undo a policy."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The action that a policy took, and how probable each candidate was.

    Parameters
    ----------
    action
        One of the candidates.
    probabilities
        Of every candidate, in their order; all positive, and together 1.
    """

    action: str
    probabilities: Mapping[str, float]

    @property
    def action_probability(self) -> float:
        """The probability with which the action was taken: what is logged with it."""
        return self.probabilities[self.action]


@dataclass(frozen=True, slots=True)
class Transition:
    """What came of one action.

    Parameters
    ----------
    state
        The features that the policy acted on, exactly as they were then.
    candidates
        What it could have done.
    action
        What it did.
    action_probability
        The probability with which it did that, as logged.
    reward
        What that was worth.
    next_state
        The features at the next decision; None where there was none any more.
    next_candidates
        What could be done then.

    Raises
    ------
    ValueError
        If the action is not among the candidates, its probability not above 0 and at most 1, or
        the reward not a number of at most 1e15 either way.

    Examples
    --------
    >>> Transition({"stage": "demo"}, ("call", "none"), "call", 0.9, 1.0).next_state is None
    True
    """

    state: Features
    candidates: tuple[str, ...]
    action: str
    action_probability: float
    reward: float
    next_state: Features | None = None
    next_candidates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.action not in self.candidates:
            raise ValueError(f"action {self.action!r:.60} is not among the candidates")
        if not 0.0 < self.action_probability <= 1.0:
            raise ValueError(
                f"action_probability is {self.action_probability!r}: it must be above 0, at most 1"
            )
        if not math.fabs(self.reward) <= LARGEST_REWARD:
            raise ValueError(
                f"reward is {self.reward!r}: it must be a number of at most {LARGEST_REWARD:g}"
            )


class Acting(Protocol):
    """What takes actions: a rule, or one version of a policy, serving."""

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose one of the candidates; nothing is learned by that.

        Parameters
        ----------
        state
            What is known of the lead.
        candidates
            What may be done, each once, at least one; it may differ from call to call.
        rng
            Where chance comes from: the same seed, state of learning and arguments make the
            same choice.

        Raises
        ------
        ValueError
            If there are no candidates, or one is there twice.
        """
        ...


class Policy(Acting, Protocol):
    """One that learns; it is rebuilt by its class's ``restore(checkpoint, **parameters)``."""

    def learn(self, transition: Transition) -> None:
        """Learn from what came of one action, whichever policy took it."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON: a policy rebuilt from it goes on the same."""
        ...


def seeded(seed: str) -> Random:
    """Return where the chance of one decision comes from: the same for the same seed, anywhere.

    >>> seeded("trigger 7").random() == seeded("trigger 7").random()
    True
    """
    return Random(seed)  # noqa: S311 # nosec B311 - no secret


def drawn(
    candidates: Sequence[str], preferred: Sequence[float], epsilon: float, rng: Random
) -> Choice:
    r"""Draw an action: what a policy prefers, mixed with a uniform share.

    Each of :math:`k` candidates gets :math:`(1-\epsilon)\,q_i + \epsilon/k`. So no logged
    probability is 0, no weight by its inverse exceeds :math:`k/\epsilon`, and every policy can be
    evaluated from any other's log (Strehl, Langford, Li and Kakade 2010).

    Parameters
    ----------
    candidates
        What may be done, each once.
    preferred
        How much each is preferred, from 0; any scale, not all 0.
    epsilon
        The share that is uniform, above 0.
    rng
        One number is taken from it.

    Raises
    ------
    ValueError
        If there are no candidates, one is there twice, or epsilon is not above 0 and at most 1.

    Examples
    --------
    >>> choice = drawn(["call", "email"], [1.0, 0.0], 0.1, Random(1))
    >>> choice.action, round(choice.action_probability, 3), choice.probabilities["email"]
    ('call', 0.95, 0.05)
    """
    if not candidates or len(set(candidates)) != len(candidates):
        raise ValueError("candidates must be at least one, and each there once")
    checked_epsilon(epsilon)
    floor = epsilon / len(candidates)
    total = math.fsum(preferred)
    probabilities = {
        candidate: (1.0 - epsilon) * share / total + floor
        for candidate, share in zip(candidates, preferred, strict=True)
    }
    [action] = rng.choices(candidates, list(probabilities.values()))
    return Choice(action, probabilities)


def checked_epsilon(epsilon: float) -> float:
    """Return a share that is uniform.

    Raises
    ------
    ValueError
        If it is not above 0 and at most 1.
    """
    if not 0.0 < epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}: it must be above 0, at most 1")
    return epsilon


def best(scores: Sequence[float]) -> list[float]:
    """Return 1 for each highest score, 0 for the others: equals are preferred alike.

    >>> best([0.2, 0.5, 0.5])
    [0.0, 1.0, 1.0]
    """
    highest = max(scores, default=0.0)
    return [float(score == highest) for score in scores]
