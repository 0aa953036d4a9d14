"""The journey map from its counts: shares, medians, the order of stages, the bottleneck."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import fsum
from typing import NamedTuple, get_args

import numpy as np

from online_models.day_quantiles import LogBuckets
from online_models.intervals import quantile, wilson
from online_models.journey_chain import Array, Chain, levels, solve
from online_models.journey_map_report import (
    EndFigures,
    JourneyMap,
    MoveFigures,
    Result,
    StageFigures,
)

CUT_RATIO = 0.1
"""The share of a stage's losses that is avoided to tell what it could gain."""
FEWEST_LEFT = 30
"""Leads that must have left a stage for it to be named as the bottleneck or the slowest."""
_Z = quantile(0.95)
_LEAST_FALL = 1e-6
"""Levels nearer than this are the same, but for rounding."""

Stays = Mapping[int, int]
"""How many stays there were, by bucket."""


class Counts(NamedTuple):
    """All that was counted.

    Attributes
    ----------
    entered
        Journeys begun, by stage.
    moves
        Stays that ended by a move, by the stage left and the next.
    ends
        Stays in which the journey ended, by stage and result.
    """

    entered: Mapping[str, int]
    moves: Mapping[tuple[str, str], Stays]
    ends: Mapping[tuple[str, Result], Stays]


class _Flows(NamedTuple):
    """The counts as arrays, stages in the order of ``names``, and the chain that they make."""

    names: list[str]
    starts: Array
    moves: Array
    backward: Array
    ends: dict[Result, Array]
    left: Array
    levels: Array
    chain: Chain


def journey_map(counts: Counts, buckets: LogBuckets, in_other: int) -> JourneyMap:
    """Return the journey map.

    Parameters
    ----------
    counts
        What happened.
    buckets
        What stays are told in, in seconds.
    in_other
        Facts of stages that are not told apart.
    """
    flows = _flows(counts)
    order = sorted(range(len(flows.names)), key=lambda n: (round(float(flows.levels[n]), 6), n))
    stages = tuple(_stage(number, flows, counts, buckets) for number in order)
    told = [stage for stage in stages if stage.left >= FEWEST_LEFT]
    bottleneck = max(told, key=lambda stage: stage.gain_ratio, default=None)
    slowest = max(told, key=lambda stage: stage.contribution_s, default=None)
    moved = flows.moves.sum()
    return JourneyMap(
        entered=sum(counts.entered.values()),
        won=int(flows.ends["won"].sum()),
        lost=int(flows.ends["lost"].sum()),
        silent=int(flows.ends["silent"].sum()),
        conversion_ratio=flows.chain.conversion,
        backward_ratio=float(flows.backward.sum() / moved) if moved else None,
        stages=stages,
        moves=_moves(flows, counts, buckets),
        ends=_ends(flows, counts, buckets),
        bottleneck=bottleneck.name if bottleneck and bottleneck.gain_ratio > 0.0 else None,
        slowest=slowest.name if slowest and slowest.contribution_s > 0.0 else None,
        in_other=in_other,
    )


def _flows(counts: Counts) -> _Flows:
    met = (*((stage,) for stage in counts.entered), *counts.moves, *((s,) for s, _ in counts.ends))
    names = sorted({name for of in met for name in of})
    place = {name: number for number, name in enumerate(names)}
    starts, moves = np.zeros(len(names)), np.zeros((len(names), len(names)))
    ends: dict[Result, Array] = {result: np.zeros(len(names)) for result in get_args(Result)}
    for name, count in counts.entered.items():
        starts[place[name]] = count
    for (name, another), stays in counts.moves.items():
        moves[place[name], place[another]] = sum(stays.values())
    for (name, result), stays in counts.ends.items():
        ends[result][place[name]] = sum(stays.values())
    lost = ends["lost"] + ends["silent"]
    level = levels(starts, moves)
    return _Flows(
        names,
        starts,
        moves,
        moves * (level[None, :] < level[:, None] - _LEAST_FALL),
        ends,
        moves.sum(axis=1) + ends["won"] + lost,
        level,
        solve(starts, moves, ends["won"], lost, CUT_RATIO),
    )


def _stage(number: int, flows: _Flows, counts: Counts, buckets: LogBuckets) -> StageFigures:
    name, chain = flows.names[number], flows.chain
    entered = int(flows.starts[number] + flows.moves[:, number].sum())
    left, back = int(flows.left[number]), int(flows.backward[number].sum())
    won, lost, silent = (int(ends[number]) for ends in flows.ends.values())
    drop_off = (lost + silent) / left if left else None
    low, high = (None, None) if drop_off is None else wilson(drop_off, left, _Z)
    going_on = [stays for (stage, _), stays in counts.moves.items() if stage == name]
    going_on += [counts.ends.get((name, "won"), {})]
    dropping = [counts.ends.get((name, "lost"), {}), counts.ends.get((name, "silent"), {})]
    return StageFigures(
        name=name,
        level=float(flows.levels[number]),
        entered=entered,
        left=left,
        now=max(0, entered - left),
        unseen=max(0, left - entered),
        moved_on=int(flows.moves[number].sum()) - back,
        moved_back=back,
        won=won,
        lost=lost,
        silent=silent,
        drop_off_ratio=drop_off,
        drop_off_low=low,
        drop_off_high=high,
        median_s=_median([*going_on, *dropping], buckets),
        p90_s=_quantile([*going_on, *dropping], 0.9, buckets),
        won_ratio=float(chain.won_from[number]),
        gain_ratio=float(chain.gains[number]),
        contribution_s=float(chain.visits_if_won[number]) * _mean(going_on, buckets),
    )


def _moves(flows: _Flows, counts: Counts, buckets: LogBuckets) -> tuple[MoveFigures, ...]:
    found = []
    for (one, another), stays in sorted(counts.moves.items()):
        begin, end = flows.names.index(one), flows.names.index(another)
        count, is_backward = sum(stays.values()), bool(flows.backward[begin, end])
        ratio = count / float(flows.left[begin])
        median_s = _median([stays], buckets)
        found.append(MoveFigures(one, another, count, ratio, median_s, is_backward))
    return tuple(sorted(found, key=lambda move: -move.count))


def _ends(flows: _Flows, counts: Counts, buckets: LogBuckets) -> tuple[EndFigures, ...]:
    found = []
    for (stage, result), stays in sorted(counts.ends.items()):
        count = sum(stays.values())
        ratio = count / float(flows.left[flows.names.index(stage)])
        found.append(EndFigures(stage, result, count, ratio, _median([stays], buckets)))
    return tuple(sorted(found, key=lambda end: -end.count))


def _median(stays: Iterable[Stays], buckets: LogBuckets) -> float | None:
    return _quantile(stays, 0.5, buckets)


def _mean(stays: Iterable[Stays], buckets: LogBuckets) -> float:
    """Return the mean stay, off by as much as the buckets are; 0 where there was none."""
    told = [(buckets.value(bucket), count) for one in stays for bucket, count in one.items()]
    return fsum(value * count for value, count in told) / max(1, sum(count for _, count in told))


def _quantile(stays: Iterable[Stays], share: float, buckets: LogBuckets) -> float | None:
    counts: Counter[int] = Counter()
    for one in stays:
        counts.update(one)
    return buckets.quantile(counts, share)
