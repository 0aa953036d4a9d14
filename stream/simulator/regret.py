"""Learning while selling: how much less than an oracle a policy earns, lead by lead."""

from collections.abc import Sequence
from random import Random

from online_models.policy.protocol import Choice, Policy, Transition
from online_models.protocols import Features
from stream.simulator.pipeline import Pipeline
from stream.simulator.rewards import RewardOfDay, RewardWeights
from stream.simulator.sight import CANDIDATES, PipelinePolicy, Sight
from stream.simulator.world import NOTHING, WorldParameters


class LearningPolicy:
    """A policy of ``online_models`` that learns from each lead once its time is over.

    Parameters
    ----------
    policy
        What acts and learns.
    looks_ahead
        Whether it learns from what comes next too: it is then told the reward until the next
        decision; any other the reward of ``window_decisions`` decisions together, since what a
        contact brings comes weeks later.
    window_decisions
        See there.
    """

    def __init__(self, policy: Policy, *, looks_ahead: bool, window_decisions: int = 8) -> None:
        self.policy = policy
        self.window_decisions = 1 if looks_ahead else window_decisions
        self.looks_ahead = looks_ahead

    def act(self, sight: Sight, rng: Random) -> tuple[Features, Choice]:
        """Return the state and what was chosen."""
        state = sight.features()
        return state, self.policy.act(state, CANDIDATES, rng)

    def learn(self, decisions: Sequence[tuple[Features, Choice]], rewards: Sequence[float]) -> None:
        """Learn from all decisions of one lead, and the reward after each."""
        for number, (state, choice) in enumerate(decisions):
            following = number + 1
            goes_on = self.looks_ahead and following < len(decisions)
            self.policy.learn(
                Transition(
                    state,
                    CANDIDATES,
                    choice.action,
                    choice.action_probability,
                    sum(rewards[number : number + self.window_decisions]),
                    decisions[following][0] if goes_on else None,
                    CANDIDATES if goes_on else (),
                )
            )


def rewards_by_lead(
    policy: PipelinePolicy | LearningPolicy,
    parameters: WorldParameters,
    *,
    seed: int,
    leads: int,
    rewards: RewardWeights | None = None,
    decide_every_days: int = 7,
) -> list[float]:
    """Return what each lead brought, one lead after another; each has randomness of its own.

    Regret is the difference to what an oracle's leads brought, summed: both meet the same leads.

    Parameters
    ----------
    policy
        What decides; one that learns does so after each lead.
    parameters, rewards
        The world, and how what happens is weighed.
    seed
        Of leads and choices.
    leads
        How many.
    decide_every_days
        Days from one decision on a lead to the next.

    Examples
    --------
    >>> from online_models.policy.catalogue import build_policy
    >>> learning = LearningPolicy(build_policy("epsilon_greedy"), looks_ahead=False)
    >>> len(rewards_by_lead(learning, WorldParameters(), seed=1, leads=3))
    3
    """
    pipeline, weights = Pipeline(parameters), rewards or RewardWeights()
    chance = Random(f"{seed}/policy")  # noqa: S311 - repeatable, not secret
    brought: list[float] = []
    for number in range(leads):
        rng = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
        prospect = pipeline.named_lead(rng)
        reward_of_day = RewardOfDay(weights, prospect)
        decisions: list[tuple[Features, Choice]] = []
        gained: list[float] = []
        while not prospect.is_over:
            action = NOTHING
            if prospect.day % decide_every_days == 0 and prospect.may_be_contacted:
                if isinstance(policy, LearningPolicy):
                    decisions.append(policy.act(Sight(prospect), chance))
                    action = CANDIDATES.index(decisions[-1][1].action)
                else:
                    action = policy.propose(Sight(prospect), chance).action
                gained.append(0.0)
            pipeline.day(prospect, action, rng)
            gained[-1] += reward_of_day.take()
        if isinstance(policy, LearningPolicy):
            policy.learn(decisions, gained)
        brought.append(sum(gained))
    return brought
