"""What a trained policy earns in a house's own decisions, beside the house's rules."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from statistics import fmean, stdev
from typing import Any, NamedTuple

from online_models.policy.dqn import DeepQNetwork
from online_models.policy.protocol import Choice
from online_models.protocols import Features
from stream.lead.house import House
from stream.simulator.house_training import portable, scorer_of, shares
from stream.simulator.nurtured_lead import Choose, Likeness, NurturedLead, simulated_house
from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import Prospect
from stream.simulator.world import WorldParameters

_LEAST_EPSILON = 1e-6
"""A network's choices need a chance for each candidate, be it ever so small."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a simulated lead earns by a policy and by the house's rules, on the same leads.

    Parameters
    ----------
    policy, rules
        Mean reward of a lead, a first deal of 10,000 euros being about 1.
    apart, error
        Mean of the leads' differences, and its standard error.
    contacts, rules_contacts
        Mean contacts of a lead.
    leads
        How many there were.
    """

    policy: float
    rules: float
    apart: float
    error: float
    contacts: float
    rules_contacts: float
    leads: int


class _Plan(NamedTuple):
    parameters: dict[str, Any]
    house: dict[str, Any]
    likeness: dict[str, str]
    policy: dict[str, Any]
    scorer: dict[str, Any] | None


class _Pair(NamedTuple):
    policy: float
    rules: float
    contacts: int
    rules_contacts: int


def compare(
    house: House,
    parameters: WorldParameters,
    likeness: Likeness,
    policy: Mapping[str, Any],
    *,
    leads: int,
    seed: int,
    scorer: Mapping[str, Any] | None = None,
    processes: int | None = None,
) -> Comparison:
    """Let a policy and the house's rules decide on the same simulated leads.

    Both take any candidate with the share of decisions that the house explores.

    Parameters
    ----------
    house, parameters, likeness
        As of ``house_training.train``.
    policy
        A snapshot of what acts.
    leads
        How many; training has met none of them, whatever its seed.
    seed
        Of the leads.
    scorer
        State of the model that scores; None for the house's point rules.

    Raises
    ------
    ValueError
        If there are fewer than 2 leads.
    """
    if leads < 2:
        raise ValueError(f"leads={leads}: give 2 or more")
    plan = _Plan(
        parameters.to_json(),
        portable(simulated_house(house)),
        dict(likeness),
        dict(policy),
        None if scorer is None else dict(scorer),
    )
    jobs = [(plan, f"unseen/{seed}", each) for each in shares(leads)]
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn")) as pool:
        pairs = [pair for part in pool.map(_live, jobs) for pair in part]
    apart = [pair.policy - pair.rules for pair in pairs]
    return Comparison(
        policy=fmean(pair.policy for pair in pairs),
        rules=fmean(pair.rules for pair in pairs),
        apart=fmean(apart),
        error=stdev(apart) / len(apart) ** 0.5,
        contacts=fmean(pair.contacts for pair in pairs),
        rules_contacts=fmean(pair.rules_contacts for pair in pairs),
        leads=len(pairs),
    )


def _live(job: tuple[_Plan, str, range]) -> list[_Pair]:
    plan, seed, numbers = job
    house, scorer = House(**plan.house), scorer_of(plan.scorer)
    pipeline = Pipeline(WorldParameters.from_json(plan.parameters))
    acting = DeepQNetwork.from_snapshot(plan.policy, max(_LEAST_EPSILON, house.exploration_ratio))

    def choose(
        prospect: Prospect,  # noqa: ARG001
        known: Features,
        candidates: Sequence[str],
        rng: Random,
    ) -> Choice:
        return acting.act(known, candidates, rng)

    def lived(number: int, by: Choose | None) -> NurturedLead:
        lead = NurturedLead(pipeline, seed, number, house, plan.likeness, choose=by, scorer=scorer)
        lead.live()
        return lead

    pairs = []
    for number in numbers:
        ours, theirs = lived(number, choose), lived(number, None)
        contacts, rules_contacts = (sum(one.prospect.contacts) for one in (ours, theirs))
        pairs.append(_Pair(ours.reward, theirs.reward, contacts, rules_contacts))
    return pairs
