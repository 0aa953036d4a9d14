"""Gamma-gamma: its likelihood against its definition, what it expects, and its fit."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from online_models.gamma_gamma import GammaGamma, fit_gamma_gamma

MODEL = GammaGamma(6.25, 3.74, 15.44)


def simulated(customers, seed):
    rng = np.random.default_rng(seed)
    purchases = 1.0 + rng.poisson(2.0, customers)
    rate = rng.gamma(MODEL.q, 1.0 / MODEL.gamma, customers)
    return purchases, rng.gamma(MODEL.p * purchases) / rate


@pytest.mark.parametrize(("purchases", "spend"), [(1, 20.0), (3, 200.0), (40, 900.0)])
def test_the_likelihood_is_the_mean_over_customers(purchases, spend):
    def density(rate):
        total = stats.gamma.pdf(spend, MODEL.p * purchases, scale=1 / rate)
        return purchases * total * stats.gamma.pdf(rate, MODEL.q, scale=1 / MODEL.gamma)

    expected, _ = integrate.quad(density, 0, 4, points=[MODEL.p * purchases / spend], epsabs=1e-14)
    assert MODEL.log_likelihood(purchases, spend) == pytest.approx(math.log(expected), abs=1e-6)


@given(st.integers(0, 10**6), st.floats(0.01, 1e6))
def test_what_is_expected_lies_between_all_customers_and_the_customer(purchases, mean):
    of_all = float(MODEL.expected_spend(0, 0.0))
    expected = float(MODEL.expected_spend(purchases, purchases * mean))
    low, high = min(of_all, mean), max(of_all, mean)
    assert low * (1 - 1e-9) <= expected <= high * (1 + 1e-9)
    assert of_all == pytest.approx(MODEL.p * MODEL.gamma / (MODEL.q - 1))


def test_refunds_beyond_all_spend_count_as_no_spend():
    assert MODEL.expected_spend(2, -5.0) == MODEL.expected_spend(2, 0.0)


def test_the_fit_finds_what_amounts_were_drawn_from():
    purchases, spend = simulated(20_000, seed=5)
    found = fit_gamma_gamma(purchases, spend)
    assert astuple(found) == pytest.approx(astuple(MODEL), rel=0.15)
    assert found.expected_spend(0, 0.0) == pytest.approx(35.2, rel=0.03)
    likelihood = found.log_likelihood(purchases, spend).sum()
    # Twice the gain over the truth is chi-square of 3: below 16 but once in a thousand.
    assert 0.0 <= 2.0 * (likelihood - MODEL.log_likelihood(purchases, spend).sum()) < 16.0
    for factor in (0.97, 1.03):
        for n in range(3):
            other = [p * (factor if n == m else 1.0) for m, p in enumerate(astuple(found))]
            assert GammaGamma(*other).log_likelihood(purchases, spend).sum() < likelihood


def test_neither_start_nor_unit_changes_the_fit_and_steps_come_to_it():
    purchases, spend = simulated(1_000, seed=6)
    found = fit_gamma_gamma(purchases, spend)
    cents = fit_gamma_gamma(purchases, 100 * spend, 2.0, start=GammaGamma(0.5, 9.0, 1e5))
    assert (cents.p, cents.q, cents.gamma / 100) == pytest.approx(astuple(found), rel=1e-3)
    model = GammaGamma(found.p * 1.1, found.q * 0.95, found.gamma * 1.1)
    for _ in range(15):
        model = fit_gamma_gamma(purchases, spend, start=model, to_optimum=False)
    assert astuple(model) == pytest.approx(astuple(found), rel=2e-3)


def test_amounts_that_are_all_alike_still_give_a_model():
    model = fit_gamma_gamma([3.0] * 40, [60.0] * 40)
    assert model.expected_spend(3, 60.0) == pytest.approx(20.0, rel=0.01)


def test_what_makes_no_sense_is_refused():
    for p, q, gamma in ((0.0, 2.0, 1.0), (1.0, 1.0, 1.0), (1.0, 2.0, math.inf)):
        with pytest.raises(ValueError, match="must be above"):
            GammaGamma(p, q, gamma)
    with pytest.raises(ValueError, match="purchases"):
        MODEL.expected_spend(-1, 5.0)
    with pytest.raises(ValueError, match="spend"):
        fit_gamma_gamma([2.0, 2.0], [5.0, 0.0])
    with pytest.raises(ValueError, match="2 purchases"):
        fit_gamma_gamma([1.0, 1.0], [5.0, 6.0])
    with pytest.raises(ValueError, match="weights"):
        fit_gamma_gamma([2.0], [5.0], [-1.0])
