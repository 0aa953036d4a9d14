"""A version of deal values: refused where it is broken, and bounded whatever is asked."""

import math

import pytest

from online_models.formats import ModelFormatError
from online_models.served_deal_value import ServedDealValue

SERVED = ServedDealValue(
    deals=40,
    trust=0.75,
    mean_minor=40_000.0,
    intercept=10.0,
    correction=0.3,
    quantiles=(-1.0, 0.1, 1.2),
    numbers={"attribute_log:size": (5.0, 0.4), "points": (3.0, 0.1)},
    plain={"stage=demo": 0.7, "count:open": 0.2},
    least_minor=1_000.0,
    largest_minor=1e6,
)


def test_the_logarithm_is_a_sum_over_what_is_known():
    x = {"attribute_log:size": 6.0, "points": 80.0, "stage": "demo", "count:open": 2.0, "new": "x"}
    assert SERVED.log_value(x) == pytest.approx(10.0 + 0.4 + 0.1 + 0.7 + 0.4)
    assert SERVED.log_value({}) == 10.0


def test_quantiles_are_about_the_logarithm_and_the_mean_is_mixed_with_that_of_all():
    found = SERVED.predict_one({})
    assert found.median_minor == pytest.approx(math.exp(10.1))
    assert found.low_minor == pytest.approx(math.exp(9.0))
    assert found.high_minor == pytest.approx(math.exp(11.2))
    assert found.expected_minor == pytest.approx(0.75 * math.exp(10.3) + 0.25 * 40_000.0)


@pytest.mark.parametrize("size", [-1e300, 1e300])
def test_a_number_however_large_pulls_no_farther_than_six_units(size):
    assert abs(SERVED.log_value({"attribute_log:size": size}) - 10.0) <= 6 * 0.4 + 1e-9


def test_stored_weights_however_large_leave_values_that_were_seen():
    served = SERVED._replace(intercept=1e6, correction=1e6, quantiles=(1e6, 1e6, 1e6))
    assert served.predict_one({}).median_minor == 1e6
    assert served._replace(intercept=-1e6, quantiles=(0.0, 0.0, 0.0)).predict_one({})[1] == (
        pytest.approx(1_000.0)
    )


def test_it_is_restored_as_it_was():
    assert ServedDealValue.restore(SERVED.snapshot()) == SERVED


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 9}, {"library": "x"}, {"least_minor": 1e14}, {"plain": {"a": math.inf}},
        {"quantiles": [1.0, 0.0, 2.0]}, {"quantiles": [0.0]}, {"trust": 1.5}, {"numbers": {"a": 1}},
        {"mean_minor": 2e6}, {"deals": True},
    ],
)  # fmt: skip
def test_a_broken_snapshot_is_refused(change):
    with pytest.raises(ModelFormatError):
        ServedDealValue.restore(SERVED.snapshot() | change)


@pytest.mark.parametrize("snapshot", [None, [], "x", {}])
def test_what_is_no_snapshot_is_refused(snapshot):
    with pytest.raises(ModelFormatError):
        ServedDealValue.restore(snapshot)
