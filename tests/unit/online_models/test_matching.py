import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.hidden_causes import e_value
from online_models.matching import ComparisonError, compare_matched


def leads(seed=0, count=3_000, effect=0.1, pull=1.0):
    """Draw leads of which the keen are nurtured more often, and win more often anyway."""
    rng = np.random.default_rng(seed)
    keen, noise = rng.normal(size=count), rng.normal(size=count)
    nurtured = rng.random(count) < 1 / (1 + np.exp(0.7 - pull * keen))
    won = rng.random(count) < 1 / (1 + np.exp(1.5 - keen)) + effect * nurtured
    return nurtured, won, {"keen": keen, "noise": noise}


def test_what_the_groups_differ_in_is_not_taken_for_an_effect():
    report = compare_matched(*leads(effect=0.0))
    assert report.naive_difference > 0.1
    assert report.low < 0.0 < report.high
    before, after = ({b.covariate: abs(getattr(b, w)) for b in report.balance}["keen"]
                     for w in ("before", "after"))  # fmt: skip
    assert before > 0.5
    assert after < 0.1


def test_an_effect_is_found_and_an_unrecorded_cause_would_have_to_be_strong():
    report = compare_matched(*leads(count=6_000, effect=0.2, pull=0.5))
    assert report.low > 0.1
    assert report.low < 0.2 < report.high
    assert report.is_believable
    assert report.e_value > report.e_value_limit > 1.5


def test_who_decides_on_all_leaves_nobody_to_compare_with():
    rng = np.random.default_rng(0)
    score = rng.normal(size=1_000)
    report = compare_matched(score > 0, rng.random(1_000) < 0.5, {"score": score})
    assert report.share_matched < 0.5
    assert not report.is_believable
    assert any("overlap" in warning for warning in report.warnings)


def test_what_nearly_nobody_shares_warns():
    nurtured, won, covariates = leads(count=60)
    report = compare_matched(nurtured, won, covariates)
    assert any("Too few leads" in warning for warning in report.warnings)
    assert any("Too few outcomes" in warning for warning in compare_matched(
        nurtured, np.zeros(60), covariates).warnings)  # fmt: skip


def test_covariates_that_stay_apart_are_named():
    nurtured, won, covariates = leads(count=400)
    # The propensity is fitted to both, but leads of a rare kind were nurtured alone.
    rare = np.where(nurtured, np.arange(400) % 4 == 0, False)
    report = compare_matched(nurtured, won, {**covariates, "is_rare": rare}, caliper_sd=5.0)
    assert any("is_rare" in warning for warning in report.warnings)


def test_a_weak_hidden_cause_that_would_do_is_told():
    report = compare_matched(*leads(seed=3, count=20_000, effect=0.02))
    assert report.low > 0.0
    assert report.e_value_limit < 1.5
    assert any("hidden cause" in warning for warning in report.warnings)


def test_equal_leads_are_matched_with_all_of_their_like():
    # One large nurtured lead, four large others of whom one won; the small ones do not matter.
    nurtured = [1, 1] + [0] * 8
    won = [1, 0, 1] + [0] * 7
    is_large = [1, 0] + [1] * 4 + [0] * 4
    report = compare_matched(nurtured, won, {"is_large": is_large})
    assert report.effect == pytest.approx((0.75 + 0.0) / 2)
    assert report.matches == 8


@pytest.mark.parametrize(
    ("nurtured", "won", "covariates", "says"),
    [
        ([1, 1], [0, 1], {}, "not nurtured"),
        ([0, 0], [0, 1], {}, "no nurtured lead"),
        ([0, 1], [0, 1, 1], {}, "3 values for 2 leads"),
        ([0, 1], [0, 1], {"age": [1.0, float("nan")]}, "age"),
    ],
)
def test_what_cannot_be_compared_is_refused(nurtured, won, covariates, says):
    with pytest.raises(ComparisonError, match=says):
        compare_matched(nurtured, won, covariates)


def test_without_covariates_it_is_the_plain_difference():
    nurtured, won, _ = leads(count=500)
    report = compare_matched(nurtured, won, {})
    assert report.effect == pytest.approx(report.naive_difference)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.1, 5))
def test_the_unit_of_outcomes_and_the_order_of_leads_do_not_matter(seed, shift, scale):
    nurtured, won, covariates = leads(seed, count=200)
    report = compare_matched(nurtured, won, covariates)
    order = np.random.default_rng(seed).permutation(200)
    other = compare_matched(
        nurtured[order],
        shift + scale * won[order],
        {name: 3.0 * column[order] - 1.0 for name, column in covariates.items()},
    )
    assert other.effect == pytest.approx(scale * report.effect, abs=1e-6)
    assert other.standard_error == pytest.approx(scale * report.standard_error, rel=1e-4, abs=1e-9)
    assert other.matched == report.matched


@given(st.floats(0.01, 100))
def test_an_e_value_is_the_same_for_harm_and_for_help(ratio):
    assert e_value(ratio) == pytest.approx(e_value(1 / ratio))
    assert e_value(ratio) >= 1.0
