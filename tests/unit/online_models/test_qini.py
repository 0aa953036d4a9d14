"""Qini curve and coefficient, and uplift at a share: by their definitions, whatever the order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.qini import qini_coefficient, qini_curve, uplift_at

Row = tuple[bool, bool, float]
ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(-3, 3).map(float)), min_size=1, max_size=40
)


def columns(rows: list[Row]) -> tuple[list[bool], list[bool], list[float]]:
    return [y for y, _, _ in rows], [t for _, t, _ in rows], [u for _, _, u in rows]


def by_counting(rows: list[Row]) -> list[tuple[float, float]]:
    points = [(0.0, 0.0)]
    for least in sorted({u for _, _, u in rows}, reverse=True):
        first = [(y, t) for y, t, u in rows if u >= least]
        treated = [y for y, t in first if t]
        untreated = [y for y, t in first if not t]
        without = sum(untreated) * len(treated) / len(untreated) if untreated else 0.0
        points.append((float(len(first)), sum(treated) - without))
    return points


@given(ROWS)
def test_the_curve_is_what_counting_gives(rows):
    targeted, incremental = qini_curve(*columns(rows))
    expected = by_counting(rows)
    assert targeted.tolist() == [n for n, _ in expected]
    assert incremental.tolist() == pytest.approx([gain for _, gain in expected])


@given(ROWS, st.randoms(use_true_random=False))
def test_neither_the_order_of_leads_nor_the_scale_of_uplift_matters(rows, random):
    shuffled = [(y, t, 0.1 * math.atan(u) - 7.0) for y, t, u in rows]
    random.shuffle(shuffled)
    for of in (qini_coefficient, lambda *c: uplift_at(0.3, *c)):
        assert of(*columns(shuffled)) == pytest.approx(of(*columns(rows)))


@given(ROWS)
def test_no_ranking_is_better_than_the_best(rows):
    coefficient = qini_coefficient(*columns(rows))
    best = qini_coefficient(*columns([(y, t, (1.0 if t else -1.0) * y) for y, t, _ in rows]))
    assert best is None or best == pytest.approx(1.0)
    assert (coefficient is None) == (best is None)


def test_a_coefficient_by_hand():
    y, is_treated = [1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0]
    uplift = [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    targeted, incremental = qini_curve(y, is_treated, uplift)
    assert targeted.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert incremental.tolist() == [0, 1, 1, 2, 1, 0.5, 1]
    # Under the curve 6, under the line to its end 3. The best: 0, 2 (at 2 leads), 2 (at 5), 1:
    # under it 2 + 6 + 1.5.
    assert qini_coefficient(y, is_treated, uplift) == pytest.approx((6 - 3) / (9.5 - 3))


def test_chance_is_worth_nothing_and_knowing_the_effect_is_worth_something():
    random = np.random.default_rng(7)
    effect = random.choice([-0.1, 0.0, 0.3], 20_000)
    is_treated = random.random(20_000) < 0.3
    y = random.random(20_000) < 0.3 + effect * is_treated
    assert abs(qini_coefficient(y, is_treated, random.random(20_000))) < 0.03
    assert qini_coefficient(y, is_treated, effect) > 0.15
    assert qini_coefficient(y, is_treated, -effect) < -0.15
    assert uplift_at(0.3, y, is_treated, effect) == pytest.approx(0.3, abs=0.03)
    assert uplift_at(1.0, y, is_treated, effect) == pytest.approx(effect.mean(), abs=0.02)


def test_what_cannot_be_told_is_none():
    assert qini_coefficient([], [], []) is None
    assert qini_coefficient([True, False], [True, True], [0.2, 0.1]) is None
    assert qini_coefficient([False, False], [True, False], [0.2, 0.1]) is None
    assert uplift_at(0.1, [True, False], [True, False], [0.2, 0.1]) is None
    assert uplift_at(0.5, [True, False], [True, False], [0.2, 0.1]) is None
    assert uplift_at(1.0, [True, False], [True, False], [0.2, 0.1]) == 1.0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="equally long"):
        qini_curve([True], [True, False], [0.1, 0.2])
    with pytest.raises(ValueError, match="not a number"):
        qini_coefficient([True, False], [True, False], [0.1, math.nan])
    for share in (0.0, 1.5, math.nan):
        with pytest.raises(ValueError, match="share"):
            uplift_at(share, [True], [True], [0.1])
