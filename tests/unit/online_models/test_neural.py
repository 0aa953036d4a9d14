import math
import sys
from random import Random

import numpy as np
import pytest

from online_models.formats import ModelFormatError
from online_models.laplace import expit
from online_models.neural import NeuralPropensity
from online_models.neural_scorer import NeuralScorer, encoded, log_odds_of


def together(n, seed=0):
    """Yield leads that convert if exactly one of two facts holds: no sum of facts tells that."""
    rng = Random(seed)
    for _ in range(n):
        x = {"stage": rng.choice(["lead", "demo"]), "age": rng.uniform(0.0, 3.0)}
        if rng.random() < 0.5:
            x["count:open"] = 1.0
        yield x, rng.random() < (0.9 if (x["stage"] == "demo") != ("count:open" in x) else 0.1)


def taught(n=600, **parameters):
    model = NeuralPropensity(**({"learning_rate": 0.02} | parameters))
    for x, y in together(n):
        model.learn_one(x, y)
    return model


@pytest.fixture(scope="module")
def model():
    return taught()


def test_it_learns_what_facts_say_together(model):
    right = sum((model.predict_proba_one(x) > 0.5) == y for x, y in together(200, seed=1))
    assert right > 170


def test_gradients_are_those_of_the_log_loss(model):
    rng = np.random.default_rng(0)
    parameters = (rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=4))
    values = rng.normal(size=3)

    def loss():
        m = log_odds_of(parameters, values)
        return 2.0 * (math.log1p(math.exp(m)) - m)

    found = model._gradient(parameters, values, 1.0, 2.0)
    for part, gradient in zip(parameters, found, strict=True):
        for place in np.ndindex(part.shape):
            kept = part[place]
            part[place] = kept + 1e-6
            above = loss()
            part[place] = kept - 1e-6
            below = loss()
            part[place] = kept
            assert gradient[place] == pytest.approx((above - below) / 2e-6, abs=1e-6)


def test_serving_needs_no_autograd(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", None)
    scorer = NeuralScorer("p_convert", "1", model.snapshot())
    intercept, told, _ = scorer.explain_one({"stage": "demo"})
    assert 0.0 < expit(intercept + sum(told.values())) < 1.0


@pytest.mark.parametrize("build", [NeuralPropensity, None])
def test_learning_without_it_says_what_to_install(model, monkeypatch, build):
    checkpoint = model.checkpoint()
    monkeypatch.setitem(sys.modules, "autograd", None)
    with pytest.raises(ModelFormatError, match=r"pip install leadstream\[neural\]"):
        NeuralPropensity() if build else NeuralPropensity.restore(checkpoint)


def test_the_seed_decides_to_the_bit():
    one, same, other = taught(30, seed=4), taught(30, seed=4), taught(30, seed=5)
    assert one.checkpoint() == same.checkpoint()
    assert one.snapshot()["parameters"] != other.snapshot()["parameters"]


def explained(model, x, fact_of=str):
    return NeuralScorer("p_convert", "1", model.snapshot(), fact_of).explain_one(x)


def test_reasons_are_integrated_gradients_from_the_average_lead(model):
    scorer = NeuralScorer("p_convert", "1", model.snapshot())
    x = {"stage": "demo", "count:open": 1.0, "age": 1.25}
    intercept, told, _ = scorer.explain_one(x)
    snapshot = model.snapshot()
    average = np.array(snapshot["average"])
    values = dict.fromkeys(snapshot["names"], 0.0)
    values |= {"stage=demo": 1.0, "count:open": 1.0, "age~1": 0.75, "age~2": 0.25}
    target = np.array(list(values.values()))
    parameters = model._at_hand(list(range(2, 2 + len(target))))
    assert intercept == pytest.approx(log_odds_of(parameters, average))
    steps, sums, small = 400, np.zeros(len(target)), 1e-5
    for step in range(steps):
        at = average + (step + 0.5) / steps * (target - average)
        for n in range(len(target)):
            nudge = np.eye(len(target))[n] * small
            rise = log_odds_of(parameters, at + nudge) - log_odds_of(parameters, at - nudge)
            sums[n] += rise / (2 * small) / steps * (target - average)[n]
    of_features = {}
    for feature, part in zip(snapshot["features"], sums, strict=True):
        of_features[feature] = of_features.get(feature, 0.0) + part
    of_features["stage=demo"] = of_features.pop("stage")
    assert told == pytest.approx(of_features, abs=1e-4)


def test_what_a_lead_lacks_is_told_where_others_have_it(model):
    _, told, _ = explained(model, {"stage": "demo", "age": 1.0})
    assert told["count:open"] > 0.2  # those that opened and had a demo do not convert


def test_facts_are_told_by_their_names(model):
    _, told, _ = explained(model, {"stage": "demo"}, str.upper)
    assert set(told) == {"STAGE=DEMO", "COUNT:OPEN", "AGE"}


def test_a_feature_that_was_text_is_told_as_such_when_it_is_none():
    model = NeuralPropensity()
    model.learn_one({"n": 1.0}, True)
    for x in ({"n": "text"}, {"n": 2.0}, {}):
        intercept, told, _ = explained(model, x)
        assert expit(intercept + sum(told.values())) == pytest.approx(model.predict_proba_one(x))


def test_an_example_weighs_more_but_not_without_end():
    light, heavy, heavier = NeuralPropensity(), NeuralPropensity(), NeuralPropensity()
    for n in range(40):
        x, y = {"a": "x"}, n % 2 == 0
        for model, weight in ((light, 1.0), (heavy, 1e6), (heavier, 1e9)):
            model.learn_one(x, y, weight if y else 1.0)
    assert heavy.predict_proba_one({"a": "x"}) > light.predict_proba_one({"a": "x"})
    assert heavier.checkpoint() == heavy.checkpoint()


@pytest.mark.parametrize(
    "broken",
    [
        {"hidden": 0},
        {"hidden": 17},
        {"hidden": 10**9},
        {"parameters": "no base64"},
        {"parameters": ""},
        {"names": ["twice", "twice"]},
        {"names": []},
        {"features": []},
        {"average": None},
    ],
)
def test_a_broken_state_is_refused(model, broken):
    with pytest.raises(ModelFormatError):
        NeuralScorer("p_convert", "1", model.snapshot() | broken)
    with pytest.raises(ModelFormatError):
        NeuralPropensity.restore(model.checkpoint() | broken)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e30, -1.0])
def test_moments_that_cannot_be_are_refused(model, number):
    spoiled = model._second[: len(model._names) + 2].copy()
    spoiled[0, 0] = number
    with pytest.raises(ModelFormatError):
        NeuralPropensity.restore(model.checkpoint() | {"second_moments": encoded(spoiled)})
