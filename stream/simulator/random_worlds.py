"""Other worlds near a given one: what a policy learned must hold in them as well."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any

from stream.simulator.world import WorldParameters

RANGES: Mapping[str, float] = MappingProxyType(
    {
        "activity": 1.3,
        "answering": 1.3,
        "unsubscribing": 1.5,
        "decision_per_day": 1.4,
        "sales_per_day": 1.5,
        "self_service_ratio": 1.5,
        "elsewhere_per_day": 1.5,
        "reached_ratio": 1.4,
        "reached_when_fresh": 1.3,
        "openness_spread": 1.3,
        "fatigue_half_life_days": 1.5,
        "tolerance": 1.4,
        "overload_harm": 1.5,
        "warmth_half_life_days": 1.5,
        "warmth_limit": 1.3,
        "churn_per_month": 1.5,
        "churn_steepness": 1.3,
        "satisfaction_from_care": 1.5,
        "satisfaction_harm": 1.5,
        "repeat_per_day": 1.4,
    }
)
"""By which factor, up or down, each parameter is changed at random."""
MIDPOINT_RANGE = 0.05
EFFECT_RANGE = 1.4
"""Of each action's warmth and intrusion, each by itself."""


def randomised(parameters: WorldParameters, rng: Random) -> WorldParameters:
    """Return another world: each parameter changed by itself within its range.

    Factors are log-uniform within ``RANGES``; ``win_midpoint`` moves by ``MIDPOINT_RANGE`` at most,
    and what each action does by ``EFFECT_RANGE``. Costs, delays and horizons stay.
    """
    changed: dict[str, Any] = {
        name: getattr(parameters, name) * _factor(rng, limit) for name, limit in RANGES.items()
    }
    changed["win_midpoint"] = parameters.win_midpoint + rng.uniform(-1, 1) * MIDPOINT_RANGE
    changed["actions"] = {
        name: replace(
            effect,
            warmth=effect.warmth * _factor(rng, EFFECT_RANGE),
            intrusion=effect.intrusion * _factor(rng, EFFECT_RANGE),
        )
        for name, effect in parameters.actions.items()
    }
    return replace(parameters, **changed)


def _factor(rng: Random, limit: float) -> float:
    factor: float = limit ** rng.uniform(-1, 1)
    return factor
