"""River's Bayesian linear regression as plain data: back to the bit, or refused."""

import base64
import json
import math
from random import Random

import pytest
from river.linear_model import BayesianLinearRegression

from online_models.formats import ModelFormatError
from online_models.stored_regression import restored, stored


def learned(examples=50, features=9):
    random = Random(1)
    regression = BayesianLinearRegression(alpha=20.0)
    for _ in range(examples):
        x = {f"f{n}": random.gauss(0.0, 1.0) for n in range(features)}
        regression.learn_one(x, sum(x.values()) + random.gauss(0.0, 1.0))
    return regression


def test_a_restored_regression_goes_on_to_the_bit():
    one = learned()
    other = restored(json.loads(json.dumps(stored(one))), alpha=20.0)
    for n in range(30):
        x = {"f1": math.sin(n), "f2": math.cos(n), f"new{n}": 1.0}
        assert other.predict_one(x) == one.predict_one(x)
        one.learn_one(x, math.tan(n))
        other.learn_one(x, math.tan(n))
    assert stored(other) == stored(one)


def test_one_that_has_learned_nothing_is_stored_too():
    empty = restored(stored(BayesianLinearRegression(alpha=20.0)), alpha=20.0)
    empty.learn_one({"age": 1.0}, 21.0)
    assert empty.predict_one({"age": 1.0}) == pytest.approx(1.0)


def test_alpha_is_the_precision_of_the_weights():
    regression = BayesianLinearRegression(alpha=20.0)
    for _ in range(5):
        regression.learn_one({"age": 2.0}, 6.0)
    assert regression.predict_one({"age": 1.0}) == pytest.approx(5 * 2.0 * 6.0 / (20.0 + 5 * 4.0))


def test_a_regression_with_attributes_that_nobody_knows_is_not_stored():
    strange = learned(1)
    strange.learned_since = 5
    with pytest.raises(ModelFormatError, match="attributes"):
        stored(strange)


def test_a_regression_with_smoothing_is_not_stored():
    with pytest.raises(ModelFormatError):
        stored(BayesianLinearRegression(smoothing=0.9))


@pytest.mark.parametrize(
    "change",
    [
        {"names": ["f1", "f1"]}, {"names": [str(n) for n in range(99)]}, {"covariance": "AAAA"},
        {"natural_mean": ""}, {"covariance": "%"}, {"natural_mean": 16 * "AAAAAAAA8H8"},
    ],
)  # fmt: skip
def test_a_broken_state_is_refused(change):
    with pytest.raises(ModelFormatError):
        restored(stored(learned()) | change, alpha=20.0)


def test_a_covariance_without_variances_is_refused():
    state = stored(learned())
    zeros = base64.b64encode(bytes(len(base64.b64decode(state["covariance"])))).decode()
    with pytest.raises(ModelFormatError, match="variances"):
        restored(state | {"covariance": zeros}, alpha=20.0)
