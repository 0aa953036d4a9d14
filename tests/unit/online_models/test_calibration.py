import math
from random import Random

import pytest

from online_models.calibration import SlopeCalibration
from online_models.laplace import expit, step


def labels(calibration, n, truth, seed=0):
    rng = Random(seed)
    for _ in range(n):
        log_odds = rng.gauss(-1.0, 1.5)
        calibration.learn_one(log_odds, rng.random() < expit(truth(log_odds)))


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.7])
def test_log_odds_are_stretched_to_what_came(slope):
    calibration = SlopeCalibration()
    labels(calibration, 8_000, lambda m: -1.0 + slope * (m + 1.0))
    assert calibration.slope == pytest.approx(slope, abs=0.2)
    assert calibration.applied(-1.0) == pytest.approx(-1.0, abs=0.2)


def test_ranks_are_kept_even_if_everything_turned_out_the_other_way():
    calibration = SlopeCalibration()
    labels(calibration, 3_000, lambda m: -3.0 * m)
    assert calibration.applied(1.0) > calibration.applied(0.0)


def test_it_goes_on_from_a_checkpoint():
    one, other = SlopeCalibration(), SlopeCalibration()
    labels(one, 100, lambda m: 2 * m)
    other.restore(one.checkpoint())
    labels(one, 100, lambda m: 2 * m, seed=1)
    labels(other, 100, lambda m: 2 * m, seed=1)
    assert one.checkpoint() == other.checkpoint()


@pytest.mark.parametrize("log_odds", [-30.0, -2.0, 0.0, 5.0, 30.0])
@pytest.mark.parametrize("variance", [1e-9, 0.5, 500.0])
@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("y", [True, False])
def test_a_step_solves_its_equation(log_odds, variance, weight, y):
    surprise, certainty = step(log_odds, variance, y, weight)
    moved = log_odds + variance * surprise
    assert (moved >= log_odds) == y or moved == pytest.approx(log_odds)
    assert 0.0 <= certainty * variance <= 1.0
    if variance * weight < 10:
        assert surprise == pytest.approx(weight * (y - expit(moved)), abs=1e-6 * weight)
    assert math.isfinite(moved)
