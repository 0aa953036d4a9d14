"""Bandits without context: what is known of an action is the rewards that it brought."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import inf, log, sqrt
from random import Random
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.policy.chances import best_of_betas, best_of_students
from online_models.policy.protocol import Choice, Transition, best, checked_epsilon, drawn
from online_models.protocols import Features

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream bandits"
LARGEST_DEVIATIONS = 1e250
"""Of so many rewards as are counted, each as large as may be."""


class Tally(NamedTuple):
    """Rewards of one action: how many, their mean, and squared deviations from it (Welford)."""

    rewards: int = 0
    mean: float = 0.0
    deviations: float = 0.0

    def with_reward(self, reward: float) -> "Tally":
        """Return the tally with one more reward.

        >>> Tally().with_reward(1.0).with_reward(3.0)
        Tally(rewards=2, mean=2.0, deviations=2.0)
        """
        rewards = self.rewards + 1
        mean = self.mean + (reward - self.mean) / rewards
        return Tally(rewards, mean, self.deviations + (reward - self.mean) * (reward - mean))


StoredTally = Annotated[
    tuple[
        formats.Count,
        formats.Weight,
        Annotated[float, Field(ge=0.0, le=LARGEST_DEVIATIONS)],
    ],
    Field(strict=False),
]


@with_config(formats.STRICT)
class BanditState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    kind: Literal["random", "epsilon_greedy", "ucb1", "beta_thompson", "gaussian_thompson"]
    ignored_actions: formats.Count
    tallies: dict[str, StoredTally]


_STATE: TypeAdapter[Any] = TypeAdapter(BanditState)


class Bandit(ABC):
    """What bandits share: a tally of rewards by action, the uniform share, the checkpoint.

    Own code: River's bandits give no probabilities, which every logged decision needs, and keep
    their state in private names.

    Parameters
    ----------
    epsilon
        The share of choices that is uniform.
    max_actions
        Rewards of actions beyond this many are counted, but not learned.

    Raises
    ------
    ValueError
        If epsilon is not above 0 and at most 1.
    """

    kind: ClassVar[str]
    lowest_mean: ClassVar[float] = -formats.LARGEST
    highest_mean: ClassVar[float] = formats.LARGEST

    def __init__(self, epsilon: float = 0.05, max_actions: int = 1_000) -> None:
        self.epsilon = checked_epsilon(epsilon)
        self.max_actions = max_actions
        self.ignored_actions = 0
        self._tallies: dict[str, Tally] = {}

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:  # noqa: ARG002
        """Choose one of the candidates, as ``Acting.act`` says; the state does not matter."""
        tallies = [self._tallies.get(candidate, Tally()) for candidate in candidates]
        preferred = self._preferred(tallies) if len(tallies) > 1 else [1.0] * len(tallies)
        return drawn(candidates, preferred, self.epsilon, rng)

    def learn(self, transition: Transition) -> None:
        """Learn what an action brought."""
        tally = self._tallies.get(transition.action)
        if tally is None and len(self._tallies) >= self.max_actions:
            self.ignored_actions += 1
            return
        self._tallies[transition.action] = (tally or Tally()).with_reward(transition.reward)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "kind": self.kind,
            "ignored_actions": self.ignored_actions,
            "tallies": {action: list(tally) for action, tally in self._tallies.items()},
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a policy from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or kind, or broken.
        """
        if isinstance(state, Mapping):
            formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: BanditState = formats.validated(_STATE, state, "checkpoint")
        policy = cls(**parameters)
        if checked["kind"] != cls.kind or len(checked["tallies"]) > policy.max_actions:
            raise formats.ModelFormatError(
                f"checkpoint is of {checked['kind']!r} with {len(checked['tallies'])} actions: "
                f"it must be of {cls.kind!r} with {policy.max_actions} at most"
            )
        policy.ignored_actions = checked["ignored_actions"]
        for action, stored in checked["tallies"].items():
            tally = policy._tallies[action] = Tally(*stored)
            if not cls.lowest_mean <= tally.mean <= cls.highest_mean:
                raise formats.ModelFormatError(
                    f"checkpoint is broken: {action!r:.60} has mean reward {tally.mean!r}"
                )
        return policy

    @abstractmethod
    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        """Return how much each candidate is preferred, on any scale."""


class Uniform(Bandit):
    """Every candidate alike: what a holdout gets, and what other policies must beat.

    >>> Uniform().act({}, ["call", "email"], Random(0)).probabilities
    {'call': 0.5, 'email': 0.5}
    """

    kind = "random"

    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        return [1.0] * len(tallies)


class EpsilonGreedy(Bandit):
    """The highest mean reward so far, but for a uniform share (Sutton and Barto 2018, 2.2).

    An action without rewards counts as 0; equals are drawn alike. Where few rewards come early
    this can stay long with the first action that brought one.
    """

    kind = "epsilon_greedy"

    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        return best([tally.mean for tally in tallies])


class UCB1(Bandit):
    r"""The highest upper confidence bound (Auer, Cesa-Bianchi and Fischer 2002, figure 1).

    The bound of an action with :math:`n_a` of :math:`n` rewards is
    :math:`\bar r_a + \sqrt{\rho \ln n / n_a}`; that of an action without any is infinite. It is
    made for rewards from 0 to 1.

    Parameters
    ----------
    rho
        How much uncertainty counts; 2 in the paper, for which its bound on regret is proved.
    epsilon, max_actions
        As of ``Bandit``.
    """

    kind = "ucb1"

    def __init__(self, rho: float = 2.0, epsilon: float = 0.05, max_actions: int = 1_000) -> None:
        super().__init__(epsilon, max_actions)
        self.rho = rho

    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        spread = self.rho * log(max(1, sum(tally.rewards for tally in self._tallies.values())))
        return best(
            [t.mean + sqrt(spread / t.rewards) if t.rewards else inf for t in tallies],
        )


class BetaThompson(Bandit):
    """Thompson sampling of rewards that are 0 or 1 (Thompson 1933; Chapelle and Li 2011).

    Each action is chosen with the probability that it is the best, given a uniform prior of its
    rate. That probability is computed, not sampled (``policy.chances``), since it is logged.

    >>> policy = BetaThompson(epsilon=0.01)
    >>> for _ in range(3):
    ...     policy.learn(Transition({}, ("call", "email"), "call", 0.5, 1.0))
    >>> round(policy.act({}, ["call", "email"], Random(0)).probabilities["call"], 2)  # 4/5 and 1 %
    0.8
    """

    kind = "beta_thompson"
    lowest_mean = 0.0
    highest_mean = 1.0

    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        won = [tally.rewards * tally.mean for tally in tallies]
        return best_of_betas(
            tuple((1.0 + w, 1.0 + t.rewards - w) for w, t in zip(won, tallies, strict=True))
        )

    def learn(self, transition: Transition) -> None:
        """Learn what an action brought.

        Raises
        ------
        ValueError
            If the reward is neither 0 nor 1.
        """
        if transition.reward not in {0.0, 1.0}:
            raise ValueError(f"reward is {transition.reward!r}: it must be 0 or 1 here")
        super().learn(transition)


class GaussianThompson(Bandit):
    r"""Thompson sampling of rewards of any size: neither mean nor variance is known.

    The prior of each action's mean and variance is normal-inverse-gamma with
    :math:`\kappa_0 = 1`, :math:`\alpha_0 = 1`, so that the posterior of the mean is Student's
    (Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution", section 6). Each
    action is chosen with the probability that its mean is the highest.

    Parameters
    ----------
    reward_mean
        What a reward is expected to be before any is known.
    reward_std
        How far from that it is expected to be: choose the unit of the rewards.
    epsilon, max_actions
        As of ``Bandit``.
    """

    kind = "gaussian_thompson"

    def __init__(
        self,
        reward_mean: float = 0.0,
        reward_std: float = 1.0,
        epsilon: float = 0.05,
        max_actions: int = 1_000,
    ) -> None:
        super().__init__(epsilon, max_actions)
        self.reward_mean = reward_mean
        self.reward_std = reward_std

    def _preferred(self, tallies: list[Tally]) -> Sequence[float]:
        return best_of_students(tuple(map(self._posterior, tallies)))

    def _posterior(self, tally: Tally) -> tuple[float, float, float]:
        """Return degrees of freedom, centre and scale of the mean's posterior."""
        n, mean, deviations = tally
        kappa, alpha = 1.0 + n, 1.0 + 0.5 * n
        away = mean - self.reward_mean
        beta = self.reward_std**2 + 0.5 * (deviations + n / kappa * away * away)
        return 2.0 * alpha, self.reward_mean + n / kappa * away, sqrt(beta / (alpha * kappa))
