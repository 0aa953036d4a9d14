"""Many leads at once under one budget of contacts: how policies are compared.

Leads enter over some weeks and live side by side, day by day. The budget caps all contacts of
the cohort together. It is released evenly while leads are worked on, as the capacity of a team
is; what a day leaves over is kept. Where more is proposed than is left, the highest priority
comes first; the rest is nothing.

Each lead has randomness of its own, so that every policy meets the same leads on the same days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import floor
from random import Random
from statistics import fmean

from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import Prospect
from stream.simulator.rewards import RewardOfDay, RewardWeights
from stream.simulator.sight import PipelinePolicy, Sight
from stream.simulator.world import NOTHING, WorldParameters


@dataclass(frozen=True, slots=True)
class CohortResult:
    """What became of a cohort under one policy and seed; counts are for each 1,000 leads.

    Parameters
    ----------
    conversion
        Leads won.
    cycle_days
        Mean days from the name to the first deal, of those won; not a number where none was.
    deals
        First and further deals.
    retained
        Customers that were so still at the end of their time.
    retained_ratio
        The same as a share of the leads won.
    contacts, cost_minor
        What was done, and what it cost.
    unsubscribed
        Leads that wanted no contact any more.
    value_minor
        What all deals were worth.
    reward
        Mean of the rewards of a lead's days, summed.
    reward_by_lead
        That sum for each lead, in the order of entry.
    """

    seed: int
    conversion: float
    cycle_days: float
    deals: float
    retained: float
    retained_ratio: float
    contacts: float
    cost_minor: float
    unsubscribed: float
    value_minor: float
    reward: float
    reward_by_lead: tuple[float, ...]


def evaluate_policy(
    policy: PipelinePolicy,
    parameters: WorldParameters,
    *,
    seeds: Sequence[int],
    leads: int,
    contact_budget: int,
    arrival_days: int = 90,
    rewards: RewardWeights | None = None,
    decide_every_days: int = 1,
) -> list[CohortResult]:
    """Let a policy work on cohorts of leads under a budget of contacts.

    Parameters
    ----------
    policy
        What proposes; where it learns or keeps state, that is its own affair.
    parameters
        The world.
    seeds
        One cohort for each.
    leads
        In a cohort.
    contact_budget
        Contacts that may be made with the whole cohort: a hard cap.
    arrival_days
        Over which the leads enter, evenly.
    rewards
        How what happens is weighed.
    decide_every_days
        Each lead is looked at on every so many-th day of its own.

    Returns
    -------
    list of CohortResult
        By seed.

    Examples
    --------
    >>> from stream.simulator.sight import Proposal
    >>> class Never:
    ...     def propose(self, sight, rng):
    ...         return Proposal(NOTHING)
    >>> [result] = evaluate_policy(
    ...     Never(), WorldParameters(), seeds=[1], leads=20, contact_budget=100)
    >>> result.contacts
    0.0
    """
    if leads < 1 or contact_budget < 0 or arrival_days < 1 or decide_every_days < 1:
        raise ValueError(
            f"leads={leads}, contact_budget={contact_budget}, arrival_days={arrival_days}, "
            f"decide_every_days={decide_every_days}: give 1 or more (a budget from 0)"
        )
    weights = rewards or RewardWeights()
    return [
        _Cohort(parameters, seed, leads, arrival_days, weights).live(
            policy, contact_budget, decide_every_days
        )
        for seed in seeds
    ]


@dataclass(slots=True)
class _Member:
    prospect: Prospect
    rng: Random
    reward_of_day: RewardOfDay
    number: int
    reward: float = 0.0


class _Cohort:
    def __init__(
        self,
        parameters: WorldParameters,
        seed: int,
        leads: int,
        arrival_days: int,
        weights: RewardWeights,
    ) -> None:
        self._pipeline = Pipeline(parameters)
        self._seed = seed
        self._leads = leads
        self._arrival_days = arrival_days
        self._weights = weights
        self._members: list[_Member] = []

    def _enter(self, day: int) -> list[_Member]:
        until = self._leads * (day + 1) // self._arrival_days
        entering = range(len(self._members), min(until, self._leads))
        for number in entering:
            rng = Random(f"{self._seed}/{number}")  # noqa: S311 - repeatable, not secret
            prospect = self._pipeline.named_lead(rng)
            reward_of_day = RewardOfDay(self._weights, prospect)
            self._members.append(_Member(prospect, rng, reward_of_day, number))
        return self._members[entering.start :]

    def live(self, policy: PipelinePolicy, budget: int, decide_every_days: int) -> CohortResult:
        rng = Random(f"{self._seed}/policy")  # noqa: S311 - repeatable, not secret
        parameters = self._pipeline.parameters
        # Customers come later; by then what the leads left over is theirs too.
        release_days = self._arrival_days + parameters.lead_days
        active: list[_Member] = []
        spent = day = 0
        while active or day < self._arrival_days:
            active += self._enter(day)
            left = floor(budget * min(1.0, (day + 1) / release_days)) - spent
            wanted: list[tuple[float, int, int]] = []
            for place, member in enumerate(active):
                if member.prospect.day % decide_every_days == 0 and (
                    member.prospect.may_be_contacted
                ):
                    action, priority = policy.propose(Sight(member.prospect), rng)
                    if action != NOTHING:
                        wanted.append((priority, -place, action))
            granted = wanted if len(wanted) <= left else nlargest(max(0, left), wanted)
            spent += len(granted)
            actions = {-place: action for _, place, action in granted}
            for place, member in enumerate(active):
                self._pipeline.day(member.prospect, actions.get(place, NOTHING), member.rng)
                member.reward += member.reward_of_day.take()
            active = [member for member in active if not member.prospect.is_over]
            day += 1
        return self._result()

    def _result(self) -> CohortResult:
        prospects = [member.prospect for member in self._members]
        cycles = [lead.won_day for lead in prospects if lead.won_day is not None]
        retained = sum(lead.is_retained for lead in prospects)
        rewards = tuple(member.reward for member in self._members)

        def per_thousand(count: Callable[[Prospect], float]) -> float:
            return 1_000.0 * sum(map(count, prospects)) / len(prospects)

        return CohortResult(
            seed=self._seed,
            conversion=1_000.0 * len(cycles) / len(prospects),
            cycle_days=fmean(cycles) if cycles else float("nan"),
            deals=per_thousand(lambda lead: lead.deals),
            retained=1_000.0 * retained / len(prospects),
            retained_ratio=retained / len(cycles) if cycles else float("nan"),
            contacts=per_thousand(lambda lead: sum(lead.contacts)),
            cost_minor=per_thousand(lambda lead: lead.cost_minor),
            unsubscribed=per_thousand(lambda lead: lead.unsubscribed),
            value_minor=per_thousand(lambda lead: lead.value_minor),
            reward=fmean(rewards),
            reward_by_lead=rewards,
        )
