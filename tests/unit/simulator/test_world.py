from dataclasses import replace
from random import Random

import pytest

from stream.simulator.random_worlds import EFFECT_RANGE, MIDPOINT_RANGE, RANGES, randomised
from stream.simulator.world import WorldError, WorldParameters


def test_parameters_survive_json():
    parameters = replace(randomised(WorldParameters(), Random(1)), lead_days=90)
    assert WorldParameters.from_json(parameters.to_json()) == parameters


def test_a_missing_parameter_takes_its_default():
    assert WorldParameters.from_json({"activity": 2.0}) == WorldParameters(activity=2.0)


@pytest.mark.parametrize(
    "row",
    [
        {"activty": 1.0},
        {"activity": -1.0},
        {"activity": float("nan")},
        {"activity": "much"},
        {"tolerance": 0},
        {"actions": {}},
        {"actions": {"call": {"cost_minor": 1}}},
        {"actions": None},
    ],
)
def test_parameters_that_cannot_be_are_refused(row):
    with pytest.raises(WorldError):
        WorldParameters.from_json(row)


def test_a_randomised_world_stays_within_the_stated_ranges():
    base = WorldParameters()
    for seed in range(50):
        other = randomised(base, Random(seed))
        for name, limit in RANGES.items():
            factor = getattr(other, name) / getattr(base, name)
            assert 1 / limit - 1e-9 <= factor <= limit + 1e-9
            assert factor != 1.0
        assert abs(other.win_midpoint - base.win_midpoint) <= MIDPOINT_RANGE
        for name, effect in base.actions.items():
            factor = other.actions[name].warmth / effect.warmth
            assert 1 / EFFECT_RANGE - 1e-9 <= factor <= EFFECT_RANGE + 1e-9
            assert other.actions[name].cost_minor == effect.cost_minor
