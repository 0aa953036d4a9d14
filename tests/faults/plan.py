"""Which faults, in which order: drawn from a seed, each kind spread over the whole run."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal[
    "any",
    "restoring",
    "mid_transaction",
    "merging",
    "snapshot",
    "frozen_scorer",
    "frozen_learner",
    "rebalance",
    "upgrade",
]
WEIGHTS: dict[Kind, float] = {
    "any": 0.3,
    "mid_transaction": 0.2,
    "restoring": 0.15,
    "merging": 0.1,
    "snapshot": 0.1,
    "frozen_scorer": 0.1,
    "frozen_learner": 0.05,
}
"""How often which kill, as shares; of a few kills each kind is there once at least."""


@dataclass(frozen=True)
class Fault:
    """A fault of a worker, and how long after the one before it comes."""

    kind: Kind
    after_s: float


def plan_faults(kills: int, rebalances: int, seed: int, upgrades: int = 0) -> list[Fault]:
    """Return kills, rebalances and upgrades in an order in which each kind is spread evenly.

    >>> sorted(f.kind for f in plan_faults(kills=2, rebalances=1, seed=1))
    ['any', 'mid_transaction', 'rebalance']
    """
    rng = Random(f"{seed}/plan")
    counts = _shares(kills)
    counts["rebalance"] = rebalances
    counts["upgrade"] = upgrades
    placed: list[tuple[float, Kind]] = []
    for kind, count in counts.items():
        if count:
            start = rng.random()
            placed += [((n + start) / count, kind) for n in range(count)]
    return [Fault(kind, rng.uniform(0.2, 4.0)) for _, kind in sorted(placed)]


def _shares(kills: int) -> dict[Kind, int]:
    counts: dict[Kind, int] = dict.fromkeys(WEIGHTS, 0)
    for number in range(kills):
        # Whichever kind is furthest behind its share; at first each has its turn.
        kind = min(
            WEIGHTS, key=lambda k: (counts[k] > 0, (counts[k] + 0.5) / WEIGHTS[k] / (number + 1))
        )
        counts[kind] += 1
    return counts
