"""What is read off the counts of a cohort: conversion by age, the median cycle, retention.

A cell of leads counts those that entered, then those won, by bucket of their cycle's length; a cell
of customers counts those won, then those active, by month.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from online_models.cohort_cells import Cell, last_day_of
from online_models.cohort_report import ActiveIn, By, ConvertedBy, CustomerCohort, LeadCohort
from online_models.intervals import quantile, wilson

AGES_WEEKS = (1, 2, 4, 8, 13, 26, 52)
MONTHS = 25
"""Months after a deal in which retention is told: 0 to 24."""
MONTH_DAYS = 365.25 / 12.0
_EXACT_DAYS = 20
_GROWTH = 1.1
_LONGEST_DAYS = 1_000
_Z = quantile(0.95)

Whole = NDArray[np.int64]


def _cycle_bounds() -> tuple[int, ...]:
    bounds = set(range(_EXACT_DAYS + 1)) | {7 * weeks for weeks in AGES_WEEKS}
    days = _EXACT_DAYS
    while days < _LONGEST_DAYS:
        days = int(days * _GROWTH)
        bounds.add(days)
    return tuple(sorted(bounds))


CYCLE_BOUNDS = _cycle_bounds()
"""Last days of the buckets of cycles' lengths: each age is one. Longer ones are told as the last.

One bucket more, behind them, holds those longer than the last.
"""


def told_cycle_days(bucket: int) -> float:
    """Return what cycles of a bucket are told as: the middle of its first and last day."""
    if bucket >= len(CYCLE_BOUNDS):
        return float(CYCLE_BOUNDS[-1])
    first = CYCLE_BOUNDS[bucket - 1] + 1 if bucket else 0
    return (first + CYCLE_BOUNDS[bucket]) / 2.0


def grouped(cells: Sequence[Cell], by: By) -> list[tuple[str, list[Cell]]]:
    """Return cells by the name of their cohort, weeks in order of time."""
    found: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        name = str(last_day_of(cell.week) - 6) if by == "week" else cell.name
        found[name].append(cell)
    return list(found.items())


def lead_cohort(name: str, cells: Sequence[Cell], as_of_day: int) -> LeadCohort:
    """Return what is known of the leads of some cells, as of a day."""
    last_days, counts = _columns(cells, 2 + len(CYCLE_BOUNDS))
    totals = counts.sum(axis=0).tolist()
    by_age = []
    for age_weeks in AGES_WEEKS:
        grown = last_days + 7 * age_weeks < as_of_day
        if not grown.any():
            continue
        end = 2 + bisect_left(CYCLE_BOUNDS, 7 * age_weeks)
        leads, converted = int(counts[grown, 0].sum()), int(counts[grown, 1:end].sum())
        by_age.append(ConvertedBy(age_weeks, leads, converted, *_ratio(converted, leads)))
    cycles = totals[1:]
    return LeadCohort(name, totals[0], sum(cycles), _median(cycles), tuple(by_age))


def customer_cohort(name: str, cells: Sequence[Cell], as_of_day: int) -> CustomerCohort:
    """Return what is known of the customers of some cells, as of a day."""
    last_days, counts = _columns(cells, 1 + MONTHS)
    by_month = []
    for month in range(MONTHS):
        grown = last_days + ceil(MONTH_DAYS * (month + 1)) < as_of_day
        if not grown.any():
            continue
        customers, active = counts[grown][:, [0, 1 + month]].sum(axis=0).tolist()
        by_month.append(ActiveIn(month, customers, active, *_ratio(active, customers)))
    return CustomerCohort(name, int(counts[:, 0].sum()), tuple(by_month))


def _columns(cells: Sequence[Cell], fields: int) -> tuple[Whole, Whole]:
    """Return the cells' last days, shape (cells,), and their counts, (cells, fields)."""
    last_days = np.array([last_day_of(cell.week) for cell in cells], np.int64)
    counts = np.array([cell.counts for cell in cells], np.int64)
    return last_days, counts.reshape(-1, fields)


def _ratio(count: int, of: int) -> tuple[float | None, float | None, float | None]:
    if not 0 <= count <= of or not of:
        return None, None, None
    return count / of, *wilson(count / of, of, _Z)


def _median(cycles: Sequence[int]) -> float | None:
    reached, total = 0, sum(cycles)
    for bucket, count in enumerate(cycles):
        reached += count
        if count and 2 * reached >= total:
            return told_cycle_days(bucket)
    return None
