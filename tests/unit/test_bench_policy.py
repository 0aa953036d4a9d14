"""The report on policies: lifts with their intervals, shares of the headroom, random worlds."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from stream.bench import policy as bench
from stream.simulator.cohort import CohortResult

RULES = CohortResult(
    seed=1,
    conversion=100.0,
    cycle_days=20.0,
    deals=200.0,
    retained=80.0,
    retained_ratio=0.8,
    contacts=5_000.0,
    cost_minor=1.0,
    unsubscribed=10.0,
    value_minor=1.0,
    reward=0.2,
    reward_by_lead=(0.2,),
)


def with_conversions(*conversions):
    return [replace(RULES, conversion=float(one)) for one in conversions]


def test_lifts_are_means_over_seeds_with_students_interval():
    lifts = bench._lifts(with_conversions(110, 120, 130), with_conversions(100, 100, 100))
    apart = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert lifts["conversion_lift"] == pytest.approx(0.2)
    assert lifts["conversion_lift_low"] == pytest.approx(0.2 - apart, abs=1e-4)
    assert lifts["conversion_lift_high"] == pytest.approx(0.2 + apart, abs=1e-4)
    assert lifts["cycle_change"] == lifts["deals_lift"] == lifts["retention_lift"] == 0.0


def test_a_seed_without_a_conversion_under_the_rules_has_no_lift():
    lifts = bench._lifts(with_conversions(110, 120, 130), with_conversions(100, 0, 100))
    assert lifts["conversion_lift"] == pytest.approx(0.2)


def test_headroom_is_the_way_from_the_rules_to_the_oracle():
    found = {
        name: [replace(RULES, reward=reward)]
        for name, reward in (("rules", 0.2), ("trained", 0.23), ("oracle", 0.24))
    }
    assert bench._headroom(found, lambda result: result.reward) == pytest.approx(0.75)


def test_worlds_in_which_the_gain_turns_around_are_counted():
    ours = [replace(RULES, reward=reward) for reward in (0.3, 0.22, 0.1)]
    told = bench._across_worlds(ours, [RULES] * 3)
    assert (told["worlds"], told["worlds_ahead"]) == (3, 2)
    assert told["reward_lift_least"] == pytest.approx(-0.5)
    assert bench._across_worlds([], []) == {"worlds": 0}


def test_no_seed_is_used_twice():
    ranges = (bench.TUNING_SEEDS, bench.UNSEEN_SEEDS, bench.WORLD_SEEDS, bench.REGRET_SEEDS)
    numbers = [seed for one in ranges for seed in one]
    assert len(numbers) == len(set(numbers))
