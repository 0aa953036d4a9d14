"""Ends of the scale and the bar in between: random, a marketer's rules, and their tuning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from online_models.policy.network_acting import NetworkActing
from online_models.policy.protocol import Acting
from stream.simulator.cohort import evaluate_policy
from stream.simulator.rewards import RewardWeights
from stream.simulator.sight import CANDIDATES, PipelinePolicy, Proposal, Sight
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CONTENT,
    CUSTOMER,
    DEMO_INVITE,
    DISCOUNT,
    ENGAGED,
    KNOWN,
    NOTHING,
    OPPORTUNITY,
    QUALIFIED,
    WEBINAR,
    WorldParameters,
)

_NOTHING = Proposal(NOTHING)
CONTACTS = range(1, len(ACTIONS))
"""All actions but nothing, by their numbers."""
GAIN_UNIT = 0.01
"""What a trained network's values are told in, as a reward: contacts gain so much."""


@dataclass(frozen=True)
class RandomPolicy:
    """Contacts a lead now and then, whoever it is: the lower end of the scale.

    Parameters
    ----------
    contact_ratio
        Share of days on which it does; which action is drawn evenly.
    """

    contact_ratio: float = 1 / 14

    def propose(self, sight: Sight, rng: Random) -> Proposal:  # noqa: ARG002
        """Propose as chance will."""
        if rng.random() >= self.contact_ratio:
            return _NOTHING
        return Proposal(rng.randrange(1, len(ACTIONS)), rng.random())


@dataclass(frozen=True, kw_only=True)
class RulesPolicy:
    """What a good marketer writes down: a cadence, an action for each stage, and when to stop.

    Each stage has its action; engaged leads get content by turns with theirs. Engaged leads that
    score high, and qualified ones, are called while they are fresh; opportunities that stay
    undecided get a discount. Customers are called where they are unhappy or were not seen for long.

    Parameters
    ----------
    cadence_days, customer_cadence_days
        The least time between two contacts.
    hot_cadence_days
        The same for qualified leads and opportunities.
    known_action, engaged_action, qualified_action, opportunity_action, customer_action
        What is done at each stage, by its number in ``world.ACTIONS``.
    min_score
        Leads that score below are left alone.
    call_score
        Engaged leads that score above are called while fresh.
    fresh_days
        For so long after its own activity a lead counts as fresh.
    give_up_after
        Contacts without an answer after which a lead is left alone.
    discount_after_days
        An opportunity that is undecided for so long is offered a discount.
    unhappy_below
        Customers whose last survey is below are called.
    """

    cadence_days: int = 7
    hot_cadence_days: int = 4
    customer_cadence_days: int = 30
    known_action: int = CONTENT
    engaged_action: int = WEBINAR
    qualified_action: int = DEMO_INVITE
    opportunity_action: int = CALL
    customer_action: int = WEBINAR
    min_score: float = 0.1
    call_score: float = 0.6
    fresh_days: int = 2
    give_up_after: int = 5
    discount_after_days: int = 14
    unhappy_below: float = 0.5

    def propose(self, sight: Sight, rng: Random) -> Proposal:  # noqa: ARG002
        """Propose by the rules; the higher score comes first, customers and hot leads before."""
        stage = sight.stage
        if stage == CUSTOMER:
            return self._for_customer(sight)
        cadence = self.hot_cadence_days if stage >= QUALIFIED else self.cadence_days
        if sight.uncontacted_days < cadence or sight.unanswered >= self.give_up_after:
            return _NOTHING
        score = sight.score
        if score < self.min_score:
            return _NOTHING
        is_fresh = sight.idle_days <= self.fresh_days
        if stage == OPPORTUNITY:
            late = sight.stage_days >= self.discount_after_days
            return Proposal(DISCOUNT if late else self.opportunity_action, 2.0 + score)
        if stage == QUALIFIED:
            return Proposal(CALL if is_fresh else self.qualified_action, 2.0 + score)
        if stage == ENGAGED:
            if is_fresh and score >= self.call_score:
                return Proposal(CALL, 1.0 + score)
            return Proposal(self.engaged_action if sight.contacts % 2 else CONTENT, score)
        return Proposal(self.known_action, score) if stage == KNOWN else _NOTHING

    def _for_customer(self, sight: Sight) -> Proposal:
        if sight.uncontacted_days < self.customer_cadence_days:
            return _NOTHING
        if sight.unanswered >= self.give_up_after:
            return _NOTHING
        survey = sight.survey
        if survey is not None and survey < self.unhappy_below:
            return Proposal(CALL, 3.0)
        if sight.idle_days > 21:
            return Proposal(CALL, 2.0)
        return Proposal(self.customer_action, 1.0)


RULES_CHOICES: dict[str, tuple[float, ...]] = {
    "cadence_days": (4, 7, 10, 14, 21, 30),
    "hot_cadence_days": (1, 2, 4, 7, 10),
    "customer_cadence_days": (7, 14, 21, 30, 60, 999),
    "known_action": (CONTENT, WEBINAR, DEMO_INVITE),
    "engaged_action": (CONTENT, WEBINAR, DEMO_INVITE, CALL, DISCOUNT),
    "qualified_action": (CONTENT, WEBINAR, DEMO_INVITE, CALL, DISCOUNT),
    "opportunity_action": (CONTENT, WEBINAR, DEMO_INVITE, CALL, DISCOUNT),
    "customer_action": (CONTENT, WEBINAR, DEMO_INVITE, CALL),
    "min_score": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4),
    "call_score": (0.2, 0.3, 0.4, 0.6, 0.8, 1.0),
    "fresh_days": (0, 1, 2, 4, 8),
    "give_up_after": (2, 3, 5, 8, 12, 99),
    "discount_after_days": (0, 7, 14, 28, 999),
    "unhappy_below": (0.0, 0.4, 0.6, 0.8),
}
"""What each number of the rules may be when they are tuned."""


def tuned_rules(
    parameters: WorldParameters,
    *,
    seeds: Sequence[int],
    leads: int,
    contact_budget: int,
    trials: int = 54,
    rewards: RewardWeights | None = None,
    seed: int = 0,
) -> RulesPolicy:
    """Return the rules with the numbers that earned the highest mean reward.

    Rewards of single leads differ so much that few leads would choose by luck. So many trials
    live on the first seed, the better third of them on three times as many, and so on until all
    seeds are used (successive halving: Jamieson and Talwalkar 2016). Tune on seeds that no
    comparison uses.

    Parameters
    ----------
    parameters, leads, contact_budget, rewards
        As of ``evaluate_policy``.
    seeds
        Cohorts to tune on; nine or more where it matters.
    trials
        How many sets of numbers are tried; the first is the default.
    seed
        Of the trials.
    """
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    names = RULES_CHOICES.items()
    alive = [RulesPolicy()]
    alive += [
        RulesPolicy(**{name: rng.choice(choices) for name, choices in names})  # type: ignore[arg-type]
        for _ in range(trials - 1)
    ]
    used = 1
    while True:
        on = seeds[:used]
        worth = [mean_reward(one, parameters, on, leads, contact_budget, rewards) for one in alive]
        order = sorted(range(len(alive)), key=worth.__getitem__, reverse=True)
        if used >= len(seeds):
            return alive[order[0]]
        alive = [alive[place] for place in order[: max(1, len(alive) // 3)]]
        used = min(len(seeds), 3 * used)


def mean_reward(
    policy: PipelinePolicy,
    parameters: WorldParameters,
    seeds: Sequence[int],
    leads: int,
    contact_budget: int,
    rewards: RewardWeights | None = None,
) -> float:
    """Return the mean reward of a lead over all cohorts."""
    results = evaluate_policy(
        policy,
        parameters,
        seeds=seeds,
        leads=leads,
        contact_budget=contact_budget,
        rewards=rewards,
    )
    return fmean(result.reward for result in results)


@dataclass(frozen=True)
class ActingPolicy:
    """A policy of ``online_models``, taking part in a comparison.

    Parameters
    ----------
    acting
        What acts on features and the names of ``world.ACTIONS``.
    priority
        How much a chosen action matters, by features and name, such as its advantage over
        nothing; by default all alike, and the leads that entered first come first.
    """

    acting: Acting
    priority: Callable[[dict[str, float | str], str], float] | None = None

    def propose(self, sight: Sight, rng: Random) -> Proposal:
        """Propose what the policy chooses."""
        seen = sight.features()
        action = self.acting.act(seen, CANDIDATES, rng).action
        if action == ACTIONS[NOTHING]:
            return _NOTHING
        priority = self.priority(seen, action) if self.priority else -inf
        return Proposal(CANDIDATES.index(action), priority)


def contact_worth(acting: NetworkActing, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what a network says each contact is worth, in ``GAIN_UNIT``.

    Parameters
    ----------
    acting
        Of ``guided_training.trained_policy``.
    rows
        Observations, one in each row.

    Returns
    -------
    ndarray
        Of shape (rows, actions but nothing).
    """
    return acting.network.outputs_of(acting.encoder.standardised(rows))[:, 1:]


@dataclass(frozen=True)
class TrainedPolicy:
    """Proposes the contact that a network says gains most, if it gains enough.

    Parameters
    ----------
    acting
        Of ``guided_training.trained_policy``.
    price
        What a contact must gain, in reward.
    """

    acting: NetworkActing
    price: float = 0.002

    def propose(self, sight: Sight, rng: Random) -> Proposal:  # noqa: ARG002
        """Propose the best contact; its gain is its priority."""
        [worth] = contact_worth(self.acting, np.array([sight.vector()], np.float32)).tolist()
        gain = max(worth)
        if gain * GAIN_UNIT <= self.price:
            return _NOTHING
        return Proposal(CONTACTS[worth.index(gain)], gain)
