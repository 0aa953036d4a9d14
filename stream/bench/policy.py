"""What nurturing policies earn in the simulated pipeline: rules, learners, chance, an oracle."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import accumulate
from math import sqrt
from multiprocessing import get_context
from random import Random
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from online_models.policy.catalogue import KINDS, build_policy
from online_models.policy.dqn import DeepQNetwork
from stream.bench.harness import machine
from stream.simulator.cohort import CohortResult, evaluate_policy
from stream.simulator.guided_training import trained_policy
from stream.simulator.pipeline_oracle import OraclePolicy, counted_reach
from stream.simulator.pipeline_policies import (
    RandomPolicy,
    RulesPolicy,
    TrainedPolicy,
    tuned_rules,
)
from stream.simulator.random_worlds import randomised
from stream.simulator.regret import LearningPolicy, rewards_by_lead
from stream.simulator.sight import PipelinePolicy
from stream.simulator.world import WorldParameters

CONTACTS_A_LEAD = 5
"""The budget of a cohort, for each of its leads."""
TUNING_SEEDS = range(1, 10)
UNSEEN_SEEDS = range(101, 1_000)
WORLD_SEEDS = range(2_001, 3_000)
REGRET_SEEDS = range(4_001, 5_000)
POINTS = 10
"""Of a regret curve."""
_ORACLE_PRICES = {"price": 0.001, "fatigue_price": 0.003}
"""Of those tried on other seeds, none earns more than these by as much as chance does."""

_LEARNERS: Mapping[str, Mapping[str, Any]] = {
    "random": {},
    "epsilon_greedy": {},
    # UCB1's spread is made for rewards from 0 to 1; these have a deviation of .4.
    "ucb1": {"rho": 0.3},
    "gaussian_thompson": {"reward_std": 0.4},
    "lin_ucb": {},
    "q_learning": {},
    "dqn": {"learn_every": 4},
    "policy_gradient": {},
    "actor_critic": {},
}
"""Kinds that learn from outcomes alone, one lead after another, and what is not their default."""


def bench_policy(
    seeds: int, leads: int, training_leads: int, worlds: int, learning_leads: int
) -> dict[str, Any]:
    """Compare a policy trained in simulation with tuned rules, chance and an oracle.

    All work under the same budget of contacts on the same leads, of seeds that neither tuning nor
    training has met. Lifts are of the trained policy above the rules: the mean over seeds, with
    the ends of its 95 % interval (Student's t).

    Parameters
    ----------
    seeds
        Cohorts.
    leads
        In a cohort.
    training_leads
        That the policy is trained on.
    worlds
        With parameters changed at random; one cohort each.
    learning_leads
        That policies meet which learn from outcomes alone, for the regret curves.
    """
    parameters = WorldParameters()
    budget = CONTACTS_A_LEAD * leads
    rules = tuned_rules(parameters, seeds=TUNING_SEEDS, leads=leads, contact_budget=budget)
    trained = trained_policy(parameters, leads=training_leads)
    plans: dict[str, dict[str, Any]] = {
        "random": {},
        "rules": asdict(rules),
        "trained": trained.snapshot(),
        "oracle": _ORACLE_PRICES | {"reach": counted_reach(parameters)},
    }
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        run = partial(_cohorts, pool, leads, budget)
        found = {
            name: run([(name, plan, parameters, seed) for seed in UNSEEN_SEEDS[:seeds]])
            for name, plan in plans.items()
        }
        elsewhere = list(_random_worlds(parameters, worlds))
        held = {
            name: run([(name, plans[name], world, seed) for world, seed in elsewhere])
            for name in ("rules", "trained")
        }
        regret = _regret_curves(pool, plans, parameters, learning_leads)
    return {
        "machine": machine(),
        "seeds": seeds,
        "leads": leads,
        "contact_budget": budget,
        "training_leads": training_leads,
        **_lifts(found["trained"], found["rules"]),
        "headroom_share": _headroom(found, lambda result: result.reward),
        "headroom_share_conversion": _headroom(found, lambda result: result.conversion),
        "policies": {name: _means(results) for name, results in found.items()},
        "oracle_lifts": _lifts(found["oracle"], found["rules"]),
        "random_worlds": _across_worlds(held["trained"], held["rules"]),
        "regret_leads": _marks(learning_leads),
        "regret": regret,
        "rules": plans["rules"],
    }


def _policy(name: str, plan: dict[str, Any], parameters: WorldParameters) -> PipelinePolicy:
    if name == "rules":
        return RulesPolicy(**plan)
    if name == "trained":
        return TrainedPolicy(DeepQNetwork.from_snapshot(plan))
    if name == "oracle":
        return OraclePolicy(parameters, **plan)
    return RandomPolicy()


def _cohorts(
    pool: ProcessPoolExecutor,
    leads: int,
    budget: int,
    plans: Sequence[tuple[str, dict[str, Any], WorldParameters, int]],
) -> list[CohortResult]:
    rows = [(name, plan, world.to_json(), seed, leads, budget) for name, plan, world, seed in plans]
    return list(pool.map(_cohort, rows))


def _cohort(row: tuple[str, dict[str, Any], dict[str, Any], int, int, int]) -> CohortResult:
    name, plan, world, seed, leads, budget = row
    parameters = WorldParameters.from_json(world)
    [result] = evaluate_policy(
        _policy(name, plan, parameters),
        parameters,
        seeds=[seed],
        leads=leads,
        contact_budget=budget,
    )
    return result


def _random_worlds(
    parameters: WorldParameters, worlds: int
) -> Iterator[tuple[WorldParameters, int]]:
    for seed in WORLD_SEEDS[:worlds]:
        yield randomised(parameters, Random(seed)), seed  # noqa: S311 - repeatable, not secret


def _lifts(ours: Sequence[CohortResult], theirs: Sequence[CohortResult]) -> dict[str, float]:
    """Return relative differences: means over seeds, with the ends of their intervals."""
    told: dict[str, float] = {}
    for name, figure in (
        ("conversion_lift", "conversion"),
        ("cycle_change", "cycle_days"),
        ("deals_lift", "deals"),
        ("retention_lift", "retained"),
        ("retained_ratio_lift", "retained_ratio"),
        ("reward_lift", "reward"),
    ):
        mean, apart = _interval(
            [
                getattr(one, figure) / getattr(other, figure) - 1.0
                for one, other in zip(ours, theirs, strict=True)
                if getattr(other, figure)
            ]
        )
        told |= {name: mean, f"{name}_low": mean - apart, f"{name}_high": mean + apart}
    return {name: round(value, 4) for name, value in told.items()}


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean, and how far the ends of its 95 % interval are from it."""
    if len(values) < 2:
        return fmean(values or [float("nan")]), float("nan")
    quantile = float(stats.t.ppf(0.975, len(values) - 1))
    return fmean(values), quantile * stdev(values) / sqrt(len(values))


def _headroom(
    found: Mapping[str, Sequence[CohortResult]], figure: Callable[[CohortResult], float]
) -> float:
    """Return which share of the way from the rules to the oracle was gone."""
    trained, rules, oracle = (
        fmean(map(figure, found[name])) for name in ("trained", "rules", "oracle")
    )
    return round((trained - rules) / (oracle - rules), 3)


def _means(results: Iterable[CohortResult]) -> dict[str, float]:
    rows = [asdict(result) for result in results]
    names = [name for name in rows[0] if name not in {"seed", "reward_by_lead"}]
    return {name: round(fmean(row[name] for row in rows), 4) for name in names}


def _across_worlds(
    ours: Sequence[CohortResult], theirs: Sequence[CohortResult]
) -> dict[str, float | int]:
    lifts = [one.reward / other.reward - 1.0 for one, other in zip(ours, theirs, strict=True)]
    if not lifts:
        return {"worlds": 0}
    mean, apart = _interval(lifts)
    return {
        "worlds": len(lifts),
        "worlds_ahead": sum(lift > 0.0 for lift in lifts),
        "reward_lift": round(mean, 4),
        "reward_lift_low": round(mean - apart, 4),
        "reward_lift_high": round(mean + apart, 4),
        "reward_lift_least": round(min(lifts), 4),
    }


def _regret_curves(
    pool: ProcessPoolExecutor,
    plans: Mapping[str, dict[str, Any]],
    parameters: WorldParameters,
    leads: int,
    seeds: int = 2,
) -> dict[str, list[float]]:
    """Return, for each policy, the reward that it has missed after so many leads."""
    if not leads:
        return {}
    names = ["oracle", "trained", "rules", *_LEARNERS]
    rows = [
        (name, plans.get(name, {}), parameters.to_json(), seed, leads)
        for name in names
        for seed in REGRET_SEEDS[:seeds]
    ]
    brought = list(pool.map(_rewards, rows))
    best = brought[:seeds]
    curves: dict[str, list[float]] = {}
    for place, name in enumerate(names[1:], start=1):
        missed = [
            list(accumulate(map(float.__sub__, oracle, own)))
            for oracle, own in zip(best, brought[place * seeds : (place + 1) * seeds], strict=True)
        ]
        curves[name] = [round(fmean(one[mark - 1] for one in missed), 2) for mark in _marks(leads)]
    return curves


def _rewards(row: tuple[str, dict[str, Any], dict[str, Any], int, int]) -> list[float]:
    name, plan, world, seed, leads = row
    parameters = WorldParameters.from_json(world)
    policy: PipelinePolicy | LearningPolicy
    if name in _LEARNERS:
        kind = build_policy(name, **_LEARNERS[name])
        policy = LearningPolicy(kind, looks_ahead=KINDS[name].looks_ahead)
    else:
        policy = _policy(name, plan, parameters)
    return rewards_by_lead(policy, parameters, seed=seed, leads=leads)


def _marks(leads: int) -> list[int]:
    """Return after how many leads a curve is told.

    >>> _marks(50)
    [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
    """
    return sorted({max(1, leads * point // POINTS) for point in range(1, POINTS + 1)}) * bool(leads)
