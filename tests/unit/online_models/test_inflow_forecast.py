"""Forecast of the inflow: seasons, empty nights, intervals, gaps, checkpoints."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.inflow_forecast import InflowForecast
from online_models.negative_binomial import chance_at_most, mid_interval, quantiles

COUNTS = st.lists(st.integers(0, 10**12) | st.integers(0, 3), min_size=1, max_size=40)


def learned(counts: list[int], season: int = 7, day: int = 1, horizons: int = 3) -> InflowForecast:
    model = InflowForecast(season, day, horizons)
    for bucket, count in enumerate(counts):
        model.learn_one(bucket, count)
    return model


def with_nights(weeks: int, seed: int, per_hour: float = 30.0) -> list[int]:
    rng = np.random.default_rng(seed)
    hours = np.arange(weeks * 168) % 24
    counts: list[int] = rng.poisson(np.where(hours < 8, 0.0, per_hour)).tolist()
    return counts


def test_chances_and_quantiles_are_scipys():
    count, mean, variance = np.arange(60.0), np.full(60, 12.0), np.full(60, 30.0)
    law = stats.nbinom(144.0 / 18.0, 12.0 / 30.0)
    assert chance_at_most(count, mean, variance) == pytest.approx(law.cdf(count))
    level = np.linspace(0.001, 0.999, 60)
    assert quantiles(level, mean, variance).tolist() == law.ppf(level).tolist()


def test_without_excess_variance_it_is_poissons_law():
    count = np.arange(40.0)
    chances = chance_at_most(count, np.full(40, 9.0), np.full(40, 3.0))
    assert chances == pytest.approx(stats.poisson(9.0).cdf(count), abs=1e-4)


@settings(deadline=None)
@given(st.floats(0.0, 1e9), st.floats(1.0, 1e4), st.floats(0.001, 0.45))
def test_an_interval_leaves_out_no_more_than_twice_what_it_may_at_each_end(mean, noise, level):
    mu, variance = np.array([mean]), np.array([mean * noise])
    lower, upper = mid_interval(np.full((2, 1), level), mu, variance)
    assert 0.0 <= lower[0] <= upper[0]
    assert chance_at_most(lower - 1.0, mu, variance)[0] <= 2.0 * level + 1e-9
    assert chance_at_most(upper, mu, variance)[0] >= 1.0 - 2.0 * level - 1e-9


def test_nights_in_which_nobody_comes_are_forecast_as_such():
    model = InflowForecast()
    for hour, count in enumerate(with_nights(6, 1)):
        model.learn_one(hour, count)
    night, day = model.forecast()[:8], model.forecast()[8:]
    assert all(of.mean < 0.01 and of.upper == 0 for of in night)
    assert all(20.0 < of.mean < 40.0 and 10 < of.lower < of.mean < of.upper < 55 for of in day)


def test_a_weekday_has_its_own_profile():
    model = learned([100, 100, 100, 100, 100, 10, 0] * 20, horizons=7)
    assert [round(of.mean) for of in model.forecast()] == [100, 100, 100, 100, 100, 10, 0]


def test_a_lasting_rise_is_followed():
    model = learned([100] * 70 + [200] * 35)
    assert model.forecast()[0].mean == pytest.approx(200.0, rel=0.02)


def test_revenue_that_comes_in_lumps_gets_wide_intervals():
    rng = np.random.default_rng(3)
    model, inside = InflowForecast(7, 1, 1), []
    for day in range(600):
        if day > 100:
            inside.append(model.forecast()[0])
        revenue = int(rng.poisson(2.0)) * 100_000
        model.learn_one(day, revenue)
        if day > 100:
            of = inside.pop()
            inside.append(of.lower <= revenue <= of.upper)
    assert 0.85 < sum(inside) / len(inside) < 0.97


def test_buckets_left_out_brought_nothing():
    skipped, told = learned([5, 6, 7]), learned([5, 6, 7])
    for bucket in range(3, 12):
        told.learn_one(bucket, 0)
    told.learn_one(12, 4)
    skipped.learn_one(12, 4)
    assert skipped.checkpoint() == told.checkpoint()


def test_before_a_season_was_seen_the_mean_is_forecast():
    assert InflowForecast().forecast() == []
    assert learned([4]).forecast()[0].mean == pytest.approx(4.0)
    assert not learned([4] * 6).is_warm
    assert learned([4] * 7).is_warm


@settings(max_examples=50, deadline=None)
@given(COUNTS)
def test_whatever_comes_forecasts_are_numbers_and_the_checkpoint_loses_nothing(counts):
    model = learned(counts)
    for of in model.forecast():
        assert 0 <= of.lower <= of.upper
        assert np.isfinite(of.mean)
        assert of.mean >= 0.0
    text = json.dumps(model.checkpoint())
    again = InflowForecast.restore(json.loads(text), 7, 1, 3)
    assert json.dumps(again.checkpoint()) == text
    for one in (model, again):
        one.learn_one(len(counts), 3)
    assert json.dumps(again.checkpoint()) == json.dumps(model.checkpoint())
    assert again.forecast() == model.forecast()


def test_memory_is_bounded():
    def size(weeks: int) -> int:
        model = InflowForecast(horizons=48)
        for hour, count in enumerate(with_nights(weeks, 2)):
            model.learn_one(hour, count)
        return len(json.dumps(model.checkpoint()))

    assert size(9) < 1.1 * size(5) < 44_000


@pytest.mark.parametrize(
    ("bucket", "count", "field"),
    [
        (2, 1, "bucket"),
        (-1, 1, "bucket"),
        (10**13, 1, "bucket"),
        (3 + 8 * 7, 1, "unit"),
        (3, -1, "count"),
        (3, 10**13, "count"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_learned(bucket, count, field):
    model = learned([1, 2, 3])
    before = model.checkpoint()
    with pytest.raises(ValueError, match=field):
        model.learn_one(bucket, count)
    assert model.checkpoint() == before


@pytest.mark.parametrize(
    ("season", "day", "horizons"), [(0, 1, 1), (7, 2, 1), (7, 1, 0), (2_000, 1, 1)]
)
def test_parameters_out_of_range_are_refused(season, day, horizons):
    with pytest.raises(ValueError, match="it must"):
        InflowForecast(season, day, horizons)


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1.0]},
        {"level": -1.0},
        {"level": float("nan")},
        {"seen": 1},
        {"bucket": -1},
        {"origins": []},
        {"season": 14},
        {"errors": {"sums": [[0.0]] * 7, "levels": [[0.05]] * 2}},
        {"errors": {"sums": [[0.0] * 3] * 6, "levels": [[0.05] * 3] * 2}},
        {"errors": {"sums": [[0.0] * 3] * 7, "levels": [[0.9] * 3] * 2}},
    ],
)
def test_broken_checkpoints_are_refused(change):
    state = learned([1, 2, 3] * 5).checkpoint()
    with pytest.raises(ModelFormatError, match="inflow forecast"):
        InflowForecast.restore({**state, **change}, 7, 1, 3)
    with pytest.raises(ModelFormatError):
        InflowForecast.restore(state, 14, 1, 3)
    with pytest.raises(ModelSchemaError):
        InflowForecast.restore({**state, "schema": 99}, 7, 1, 3)
