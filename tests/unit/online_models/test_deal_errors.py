"""Errors of deal values: who is trusted, and how values lie about forecasts."""

import math

import pytest

from online_models.deal_errors import CONSTANT_SHARE, KEPT, DealErrors


def compared(rows, kept_share=1.0):
    errors = DealErrors(forecasters=3, kept_share=kept_share)
    for row in rows:
        errors.compare([row])
    return errors


def test_who_is_off_by_less_is_trusted_and_shares_sum_up_to_one():
    shares = compared(40 * [[1.0, 0.9, 0.5]]).shares()
    assert sum(shares) == pytest.approx(1.0)
    assert shares[2] > 0.99


def test_who_is_no_better_than_the_mean_is_trusted_less():
    assert compared(40 * [[1.0, 1.0, 1.1]]).shares()[0] > CONSTANT_SHARE


def test_trust_does_not_depend_on_how_far_values_differ():
    shares = [compared(500 * [[scale, 0.99 * scale, scale]]).shares() for scale in (0.5, 5.0)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_one_error_however_large_does_not_decide():
    before = 40 * [[1.0, 1.0, 0.7]]
    assert compared([*before, [0.0, 0.0, 1e6]]).shares()[2] > 0.5


def test_old_errors_are_forgotten():
    rows = [*200 * [[1.0, 0.5, 1.0]], *100 * [[1.0, 1.2, 1.0]]]
    assert compared(rows).shares()[1] > 0.99
    assert compared(rows, kept_share=0.98).shares()[1] < 0.01


def test_the_loss_of_a_deal_is_the_mean_of_its_vectors():
    errors, once = DealErrors(2, 1.0), DealErrors(2, 1.0)
    errors.compare([[1.0, 0.0], [1.0, 2.0]])
    once.compare([[1.0, math.sqrt(2.0)]])
    assert errors.shares() == pytest.approx(once.shares())


def test_quantiles_hold_for_the_next_of_as_many():
    errors = DealErrors(2, 1.0)
    for n in range(1, 10):
        errors.note(float(n), 1.0, 1.0)
    assert errors.quantiles(0.1, 0.5, 0.9) == pytest.approx((1.0, 5.0, 9.0))


def test_errors_kept_are_bounded():
    errors = DealErrors(2, 1.0)
    for n in range(3 * KEPT):
        errors.compare([[1.0, 1.0]])
        errors.note(float(n), 1.0, 1.0)
    assert len(errors.newest) == KEPT
    assert errors.newest[-1] == 3 * KEPT - 1


def test_the_correction_lets_forecasts_come_to_the_mean_of_all_where_they_explain_nothing():
    errors = compared(40 * [[1.0, 1.0, 1.0]])
    for error in 20 * (-1.0, 1.0):
        errors.note(error, 200.0, 900.0)
    assert errors.correction(mean_minor=300.0) == pytest.approx(math.log(1.5))
    errors.rebase(math.log(2.0))
    assert errors.correction(mean_minor=300.0) == pytest.approx(math.log(0.75))


def test_the_correction_lets_forecasts_come_to_what_came_where_they_explain_all():
    errors = compared(400 * [[1.0, 1.0, 1.0]])
    for foretold_minor in (100.0, 10_000.0, 50.0):
        errors.note(0.0, foretold_minor, 1.1 * foretold_minor)
    assert errors.correction(mean_minor=300.0) == pytest.approx(math.log(1.1))


def test_the_correction_goes_by_how_far_newer_forecasts_spread():
    errors = DealErrors(2, 1.0)
    for foretold_minor in [*100 * [100.0], *100 * [150.0]]:
        errors.compare([[1.0, 1.0]])
        errors.note(1.0, foretold_minor, 900.0)
    assert errors.correction(mean_minor=150.0) == pytest.approx(0.0, abs=0.02)


def test_forecasts_that_are_rebased_are_off_by_so_much_less():
    errors = DealErrors(2, 1.0)
    errors.note(5.0, 1.0, 150.0)
    errors.rebase(2.0)
    assert errors.newest == [3.0]
