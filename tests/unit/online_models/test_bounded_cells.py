"""Cells of customers alike: exact while there is room, bounded always, undone exactly."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.bounded_cells import FINEST, SpendCells, TimingCells, dated, leading
from online_models.purchase_history import LARGEST_DAY

POWERS = st.integers(0, 10).map(lambda n: 2**n)


@given(st.integers(0, 10**12), POWERS)
def test_leading_digits_are_near_and_lie_within_those_of_coarser_ones(number, finest):
    low = leading(number, finest)
    assert low <= number < low + max(1, low / finest) + (low == number)
    assert leading(low, finest) == low
    if finest > 1:
        assert leading(low, finest // 2) == leading(number, finest // 2)


@given(st.integers(-3_000, 3_000), st.integers(-3_000, 3_000), st.integers(0, 3_000), POWERS)
def test_days_that_share_a_cell_do_so_for_ever(day, today, later, finest):
    first = dated(day, today, finest)
    assert first <= day
    assert dated(first, today, finest) == first
    for to, coarseness in ((today + later, finest), (today, max(1, finest // 2))):
        assert dated(first, to, coarseness) == dated(day, to, coarseness)
    if day > first:
        assert today - day >= finest * (day - first)


def drawn(random, count, today):
    rows = []
    for _ in range(count):
        first = today - int(2 ** random.uniform(0, 17.6))
        recency = int(2 ** random.uniform(0, math.log2(today - first + 1))) - 1
        repeats = min(recency, int(2 ** random.uniform(0, 10))) if recency else 0
        rows.append((repeats, recency, max(first, -LARGEST_DAY)))
    return rows


def test_cells_stay_bounded_whoever_comes():
    random = Random(1)
    cells, spends = TimingCells(4_000), SpendCells(4_000)
    for row in drawn(random, 40_000, 90_000):
        cells.add(row, 90_000)
        spends.add((row[0] + 1, int(2 ** random.uniform(0, 36))), 90_000)
        assert max(len(cells), len(spends)) <= 4_000
    assert max(cells.finest, spends.finest) < FINEST
    count, means = cells.rows()
    assert count.sum() == 40_000
    assert means.shape == (3, len(cells))
    with pytest.raises(ValueError, match="max_cells"):
        TimingCells(3_999)


@pytest.mark.parametrize("crowd", [100, 20_000])
def test_taking_out_undoes_putting_in_whatever_the_order(crowd):
    random = Random(2)
    rows = drawn(random, crowd, 90_000)
    cells = TimingCells(4_000)
    for row in rows:
        cells.add(row, 90_000)
    before = sorted(cells.checkpoint()["cells"])
    fineness = cells.finest
    more = rows[:50]
    for row in more:
        cells.add(row, 90_000)
    for row in random.sample(more, 50):
        cells.remove(row)
    assert cells.finest == fineness
    assert sorted(cells.checkpoint()["cells"]) == before
    for row in random.sample(rows, crowd):
        cells.remove(row)
    assert len(cells) == 0


def test_while_there_is_room_customers_share_a_cell_only_if_alike():
    cells = TimingCells(4_000)
    for row in [(1, 5, 3), (1, 5, 3), (1, 6, 3), (2, 6, 3), (0, 0, 3)]:
        cells.add(row, 100)
    count, means = cells.rows()
    assert dict(zip(map(tuple, means.T.tolist()), count.tolist(), strict=True)) == {
        (1, 5, 3): 2,
        (1, 6, 3): 1,
        (2, 6, 3): 1,
        (0, 0, 3): 1,
    }


def test_who_was_not_counted_cannot_be_taken_out():
    cells = SpendCells(4_000)
    cells.add((2, 5_000_000), 0)
    before = cells.checkpoint()
    for numbers in ((3, 5_000_000), (2, 5_000_001), (2, 1)):
        with pytest.raises(ValueError, match="was not learned"):
            cells.remove(numbers)
    assert cells.checkpoint() == before


def test_no_cells_have_no_rows():
    count, means = TimingCells(4_000).rows()
    assert count.shape == (0,)
    assert means.shape == (3, 0)
    assert np.asarray(means).dtype == float
