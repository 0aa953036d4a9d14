"""When new visitors arrive: a Poisson process that is busy in office hours."""

from collections.abc import Iterator
from random import Random

from schemas.topics import DAY_S


def _week() -> tuple[float, ...]:
    hours = [1.0] * 7 + [2.2] * 11 + [1.0] * 4 + [0.4] * 2
    hours[0:6] = [0.25] * 6
    week = [hour * (0.35 if day >= 5 else 1.0) for day in range(7) for hour in hours]
    mean = sum(week) / len(week)
    return tuple(hour / mean for hour in week)


_INTENSITY_BY_HOUR = _week()
"""Relative to the week's mean, Monday 00:00 UTC first."""


def arrival_times_s(rng: Random, start_s: float, visitors_per_day: float) -> Iterator[float]:
    """Yield the epoch seconds of arrivals without end, thinned from the busiest hour's rate."""
    peak = max(_INTENSITY_BY_HOUR)
    peak_per_s = visitors_per_day * peak / DAY_S
    at_s = start_s
    while True:
        at_s += rng.expovariate(peak_per_s)
        # The epoch began on a Thursday, 72 hours into its week.
        if rng.random() * peak < _INTENSITY_BY_HOUR[int(at_s / 3_600 + 72) % 168]:
            yield at_s
