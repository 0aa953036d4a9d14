import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.difference_in_differences import compare_changes
from online_models.matching import ComparisonError


def panel(seed=0, count=400, effect=1.0, drift=0.0, periods=6, first_after=3):
    """Draw leads with levels of their own, common shocks, and noise that hangs together."""
    rng = np.random.default_rng(seed)
    nurtured = rng.random(count) < 0.4
    level = rng.normal(size=count) + 2.0 * nurtured
    noise = rng.normal(size=(count, periods)).cumsum(axis=1) * 0.5
    time = np.arange(periods)
    y = level[:, None] + rng.normal(size=periods) + noise
    y += nurtured[:, None] * (drift * time + effect * (time >= first_after))
    return nurtured, y, first_after


def test_levels_and_common_shocks_are_no_effect():
    report = compare_changes(*panel(seed=1, effect=0.0))
    assert report.change.low < 0.0 < report.change.high
    assert report.means_before[0] - report.means_before[1] > 1.0
    assert report.is_believable


def test_an_effect_is_found_period_by_period():
    report = compare_changes(*panel(effect=1.0))
    assert report.change.low < 1.0 < report.change.high
    assert report.change.low > 0.5
    by_period = {p.period: p.change for p in report.periods}
    assert sorted(by_period) == [-3, -2, 0, 1, 2]
    assert all(by_period[k].low > 0.0 for k in (0, 1, 2))
    assert all(by_period[k].low < 0.0 < by_period[k].high for k in (-3, -2))


def test_groups_that_drift_apart_before_are_not_believed():
    report = compare_changes(*panel(effect=0.0, drift=0.5))
    assert report.change.low > 0.0
    assert report.pre_trend_p < 0.01
    assert any("moved apart" in warning for warning in report.warnings)


def test_the_test_before_rejects_as_often_as_it_says():
    rejected = sum(compare_changes(*panel(seed, 100)).pre_trend_p < 0.1 for seed in range(400))
    assert 20 <= rejected <= 60  # 40, give or take three standard errors


def test_one_period_before_cannot_be_tested():
    nurtured, y, _ = panel()
    report = compare_changes(nurtured, y[:, 2:], 1)
    assert report.pre_trend_p is None
    assert any("cannot be tested" in warning for warning in report.warnings)


def test_few_leads_warn():
    report = compare_changes(*panel(count=20))
    assert any("Too few leads" in warning for warning in report.warnings)


def test_it_is_two_way_fixed_effects_with_errors_clustered_by_lead():
    nurtured, y, first_after = panel(count=40)
    count, periods = y.shape
    lead, time = np.repeat(np.arange(count), periods), np.tile(np.arange(periods), count)
    treated = (nurtured[lead] & (time >= first_after)).astype(float)
    x = np.column_stack(
        [treated, lead[:, None] == np.arange(count), time[:, None] == np.arange(1, periods)]
    ).astype(float)
    bread = np.linalg.pinv(x.T @ x)
    weights = bread @ x.T @ y.ravel()
    scores = (x * (y.ravel() - x @ weights)[:, None]).reshape(count, periods, -1).sum(axis=1)
    error = np.sqrt((bread @ scores.T @ scores @ bread)[0, 0])
    change = compare_changes(nurtured, y, first_after).change
    assert change.effect == pytest.approx(weights[0])
    # They differ by n / (n - 1) in each group.
    assert change.standard_error == pytest.approx(error, rel=0.05)
    assert change.standard_error > error


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.lists(st.floats(-100, 100), min_size=6, max_size=6))
def test_shocks_that_meet_both_groups_change_nothing(seed, shocks):
    nurtured, y, first_after = panel(seed, 40)
    one = compare_changes(nurtured, y, first_after)
    levels = np.random.default_rng(seed).normal(size=(40, 1)) * 10
    other = compare_changes(nurtured, y + np.array(shocks) + levels, first_after)
    assert other.change.effect == pytest.approx(one.change.effect, abs=1e-8)
    assert other.change.standard_error == pytest.approx(one.change.standard_error, abs=1e-8)
    assert other.pre_trend_p == pytest.approx(one.pre_trend_p, abs=1e-5)


@pytest.mark.parametrize(
    ("nurtured", "y", "first_after", "says"),
    [
        ([1, 0, 0, 1], np.ones((3, 2)), 1, "for 4 leads"),
        ([1, 0, 0, 1], np.ones((4, 2)), 2, "first_after"),
        ([1, 0, 0, 1], np.full((4, 2), np.nan), 1, "lacks a period"),
        ([1, 0, 0, 0], np.ones((4, 2)), 1, "fewer than two"),
    ],
)
def test_what_cannot_be_compared_is_refused(nurtured, y, first_after, says):
    with pytest.raises(ComparisonError, match=says):
        compare_changes(nurtured, y, first_after)


def test_what_never_varies_is_no_fault():
    report = compare_changes([1, 1, 0, 0], np.ones((4, 4)), 2)
    assert report.change.effect == 0.0
    assert report.pre_trend_p == 1.0
