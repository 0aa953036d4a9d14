"""BG/NBD: its likelihood and expectations against their definitions, and its fit."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from online_models.bg_nbd import BgNbd, fit_bg_nbd

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426)
PARAMETER = st.floats(0.1, 30.0)
MODELS = st.builds(BgNbd, PARAMETER, PARAMETER, PARAMETER, PARAMETER)
TIMES = st.floats(0.01, 500.0)


def by_series(model, repeats, age, horizon, terms=40_000):
    """Add up, of who is alive, the probability of a k-th purchase and of being there for it."""
    k = np.arange(1, terms)
    reached = special.betainc(k, model.r + repeats, horizon / (model.alpha + age + horizon))
    there = special.betaln(model.a, model.b + repeats + k - 1)
    return float(reached @ np.exp(there - special.betaln(model.a, model.b + repeats)))


def simulated(model, customers, age, seed):
    rng = np.random.default_rng(seed)
    repeats, recency = np.zeros(customers), np.zeros(customers)
    ages = rng.uniform(0.3 * age, age, customers)
    rates = rng.gamma(model.r, 1.0 / model.alpha, customers)
    leaving = rng.beta(model.a, model.b, customers)
    for n in range(customers):
        time = rng.exponential(1.0 / rates[n])
        while time <= ages[n]:
            repeats[n], recency[n] = repeats[n] + 1, time
            if rng.random() < leaving[n]:
                break
            time += rng.exponential(1.0 / rates[n])
    return repeats, recency, ages


@pytest.mark.parametrize(("repeats", "recency", "age"), [(0, 0, 30), (1, 3, 30), (4, 20, 21)])
def test_the_likelihood_is_the_mean_over_rates_and_probabilities_to_leave(repeats, recency, age):
    model = BgNbd(1.3, 5.0, 1.4, 2.2)

    def density(p, rate):
        likelihood = (1 - p) ** repeats * rate**repeats * math.exp(-rate * age)
        if repeats:
            left = p * (1 - p) ** (repeats - 1) * rate**repeats * math.exp(-rate * recency)
            likelihood += left
        gamma = model.alpha**model.r * rate ** (model.r - 1) * math.exp(-model.alpha * rate)
        beta = p ** (model.a - 1) * (1 - p) ** (model.b - 1) / special.beta(model.a, model.b)
        return likelihood * beta * gamma / special.gamma(model.r)

    expected, _ = integrate.dblquad(density, 0, 12, 0, 1, epsabs=1e-14)
    assert model.log_likelihood(repeats, recency, age) == pytest.approx(
        math.log(expected), abs=1e-5
    )


# Of horizons far below a second there are no more digits than these.
HORIZONS = st.one_of(st.just(0.0), st.floats(1e-9, 100.0))


@given(MODELS, st.integers(0, 60), TIMES, st.floats(0.0, 1.0), HORIZONS)
@settings(max_examples=60)
def test_expected_purchases_are_what_the_series_gives(model, repeats, age, share, horizon):
    recency = share * age if repeats else 0.0
    alive = float(model.alive_probability(repeats, recency, age))
    expected = float(model.expected_purchases(repeats, recency, age, horizon))
    assert 0.0 <= alive <= 1.0
    series = alive * by_series(model, repeats, age, horizon)
    mean = (model.r + repeats) * horizon / (model.alpha + age)
    if mean < 2_000:  # so many terms are enough
        assert expected == pytest.approx(series, rel=1e-8, abs=1e-12)
    buys = float(model.purchase_probability(repeats, recency, age, horizon))
    assert 0.0 <= buys <= expected * (1 + 1e-9) + 1e-300
    assert buys <= alive


def test_a_of_one_is_nothing_special():
    near = [
        BgNbd(0.5, 5.0, a, 2.0).expected_purchases(3, 20, 30, 40) for a in (1 - 1e-7, 1, 1 + 1e-7)
    ]
    assert near[0] == pytest.approx(float(near[1]), rel=1e-6)
    assert near[2] == pytest.approx(float(near[1]), rel=1e-6)


@pytest.mark.parametrize("repeats", [1_000, 100_000, 1_000_000])
def test_large_counts_stay_numbers(repeats):
    known = repeats, 990.0, 1_000.0
    assert np.isfinite(MODEL.log_likelihood(*known))
    assert MODEL.alive_probability(repeats, 1_000.0, 1_000.0) == pytest.approx(1, abs=1 / repeats)
    assert MODEL.alive_probability(*known) < 0.1
    just_now = MODEL.expected_purchases(repeats, 1_000.0, 1_000.0, 10.0)
    # Whoever buys so often does so about as often as before.
    assert just_now == pytest.approx(repeats / 100, rel=0.02)
    assert 0.0 <= MODEL.expected_purchases(*known, 10.0) < just_now


def test_where_nobody_leaves_purchases_go_on():
    model = BgNbd(2.0, 10.0, 1e-4, 1e4)
    assert model.expected_purchases(3, 20, 30, 40) == pytest.approx(5 * 40 / 40, rel=1e-5)


def test_silence_lowers_what_is_expected_and_a_longer_horizon_raises_it():
    silent = MODEL.alive_probability(5, 20.0, np.array([20.0, 30.0, 60.0, 400.0]))
    assert np.all(np.diff(silent) < 0)
    assert np.all(np.diff(MODEL.expected_purchases(5, 20.0, 30.0, np.arange(50.0))) > 0)
    assert np.all(np.diff(MODEL.purchase_probability(0, 0.0, np.arange(50.0), 10.0)) < 0)
    assert MODEL.alive_probability(0, 0.0, 1_000.0) == 1.0


def test_discount_is_the_integral_of_discounted_purchases():
    times = np.linspace(0.0, 100.0, 20_001)
    purchases = MODEL.expected_purchases(7, 30.0, 39.0, times)
    middle = (times[1:] + times[:-1]) / 2
    expected = np.diff(purchases) @ np.exp(-0.02 * middle)
    assert MODEL.expected_purchases(7, 30.0, 39.0, 100.0, 0.02) == pytest.approx(expected, rel=1e-7)
    assert MODEL.expected_purchases(7, 30.0, 39.0, 0.0, 0.02) == 0.0


def test_expectations_come_true_in_simulated_customers():
    model = BgNbd(0.8, 6.0, 0.9, 2.5)
    repeats, recency, age = simulated(model, 4_000, 60.0, seed=3)
    bought = repeats > 0
    # The mean over customers of what is expected from birth on is what they did.
    assert repeats.mean() == pytest.approx(
        float(model.expected_purchases(0, 0.0, 0.0, age).mean()), rel=0.05
    )
    assert bought.mean() == pytest.approx(
        float(model.purchase_probability(0, 0.0, 0.0, age).mean()), abs=0.02
    )
    assert recency.max() <= 60.0


def test_the_fit_finds_what_customers_were_drawn_from():
    model = BgNbd(0.8, 6.0, 0.9, 2.5)
    customers = simulated(model, 6_000, 60.0, seed=1)
    found = fit_bg_nbd(*customers)
    assert found.r == pytest.approx(0.8, rel=0.15)
    assert found.alpha == pytest.approx(6.0, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.4, rel=0.1)
    likelihood = found.log_likelihood(*customers).sum()
    assert likelihood >= model.log_likelihood(*customers).sum()
    for factor in (0.97, 1.03):
        for n in range(4):
            other = [p * (factor if n == m else 1.0) for m, p in enumerate(astuple(found))]
            assert BgNbd(*other).log_likelihood(*customers).sum() < likelihood


def test_neither_start_nor_unit_nor_order_nor_weights_change_the_fit():
    repeats, recency, age = simulated(BgNbd(0.8, 6.0, 0.9, 2.5), 800, 60.0, seed=2)
    found = astuple(fit_bg_nbd(repeats, recency, age))
    order = np.random.default_rng(0).permutation(800)
    days = fit_bg_nbd(repeats, 7 * recency, 7 * age, start=BgNbd(9.0, 500.0, 0.1, 90.0))
    assert (days.r, days.alpha / 7, days.a, days.b) == pytest.approx(found, rel=1e-3)
    shuffled = fit_bg_nbd(repeats[order], recency[order], age[order], np.full(800, 3.0))
    assert astuple(shuffled) == pytest.approx(found, rel=1e-3)


def test_single_steps_from_near_by_come_to_the_optimum():
    customers = simulated(BgNbd(0.8, 6.0, 0.9, 2.5), 800, 60.0, seed=2)
    optimum = fit_bg_nbd(*customers)
    model = BgNbd(optimum.r * 1.1, optimum.alpha * 0.9, optimum.a * 1.2, optimum.b * 1.1)
    for _ in range(15):
        model = fit_bg_nbd(*customers, start=model, to_optimum=False)
    assert astuple(model) == pytest.approx(astuple(optimum), rel=2e-3)


def test_customers_that_are_all_alike_still_give_a_model():
    model = fit_bg_nbd([2.0] * 50, [20.0] * 50, [30.0] * 50)
    assert all(0.0 < p < math.inf for p in astuple(model))
    stepped = fit_bg_nbd([2.0] * 50, [20.0] * 50, [30.0] * 50, start=model, to_optimum=False)
    assert all(0.0 < p < math.inf for p in astuple(stepped))


@pytest.mark.parametrize(
    ("customer", "match"),
    [
        ((-1, 0, 5), "repeats"),
        ((1, 6, 5), "recency"),
        ((0, 1, 5), "recency"),
        ((0.5, 1, 5), "repeats"),
        ((1, 1, math.nan), "age"),
        ((1, 1, math.inf), "age"),
    ],
)
def test_customers_that_cannot_be_are_refused(customer, match):
    for of in (MODEL.log_likelihood, MODEL.alive_probability, fit_bg_nbd):
        with pytest.raises(ValueError, match=match):
            of(*customer)


def test_what_makes_no_sense_is_refused():
    for horizon in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="horizon"):
            MODEL.expected_purchases(1, 1.0, 2.0, horizon)
    with pytest.raises(ValueError, match="discount_rate"):
        MODEL.expected_purchases(1, 1.0, 2.0, 3.0, -0.1)
    for broken in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="alpha"):
            BgNbd(1.0, broken, 1.0, 1.0)
    with pytest.raises(ValueError, match="repeat purchase"):
        fit_bg_nbd([0.0, 0.0], [0.0, 0.0], [3.0, 4.0])
    with pytest.raises(ValueError, match="weights"):
        fit_bg_nbd([1.0], [1.0], [3.0], [-1.0])
