"""What every propensity model keeps to: one suite for all."""

import copy
import json
import math
from random import Random
from typing import Any

import orjson
import pytest

from online_models.ad_predictor import AdPredictor
from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.catalogue import build_scorer
from online_models.ensemble import Ensemble
from online_models.formats import ModelFormatError
from online_models.linear_svm import LinearSvm
from online_models.logistic import OnlineLogisticRegression
from online_models.neural import NeuralPropensity
from online_models.river_models import AdaptiveForest, HoeffdingTree, NaiveBayes
from online_models.variants import HashedLogisticRegression, PairedLogisticRegression

MODELS = [
    OnlineLogisticRegression,
    BayesianLogisticRegression,
    HashedLogisticRegression,
    PairedLogisticRegression,
    AdPredictor,
    Ensemble,
    NeuralPropensity,
    NaiveBayes,
    HoeffdingTree,
    AdaptiveForest,
    LinearSvm,
]


LARGEST_CHECKPOINT_BYTES = {AdaptiveForest: 500_000}
"""Of 50 features; 20,000 where a model is one set of weights."""


@pytest.fixture(params=MODELS, ids=lambda m: m.__name__)
def build(request: pytest.FixtureRequest) -> Any:
    return request.param


def examples(n: int, seed: int = 0) -> list[tuple[dict[str, float | str], bool]]:
    """Return examples in which features of all sorts come and go."""
    rng, found = Random(seed), []
    for i in range(n):
        y = rng.random() < 0.3
        x: dict[str, float | str] = {
            "age": rng.gauss(2.0 + y, 3.0),
            "points": rng.randrange(-20, 60),
        }
        if rng.random() < 0.7:
            x["last"] = rng.choice(["page_view", "email_open", f"kind {rng.randrange(40)}"])
        if rng.random() < 0.5:
            x["count_1d:page_view"] = rng.random() * 3
        if i > n / 2:
            x["attribute:size"] = 10 ** rng.uniform(0, 6)
            x[f"attribute:n{rng.randrange(30)}"] = rng.random()
        found.append((x, y))
    return found


def taught(build: Any, n: int = 400, **parameters: Any) -> Any:
    model = build(**parameters)
    for x, y in examples(n):
        model.learn_one(x, y)
    return model


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(orjson.dumps(document))
    return loaded


def test_inputs_are_never_changed(build):
    model = build()
    for x, y in examples(50):
        before = copy.deepcopy(x)
        model.predict_proba_one(x)
        model.learn_one(x, y)
        assert x == before


def test_predicting_changes_nothing(build):
    model = taught(build)
    before = orjson.dumps([model.checkpoint(), model.snapshot()])
    model.predict_proba_one({"never": 1.0, "seen": "x", "count:never": 2.0})
    assert orjson.dumps([model.checkpoint(), model.snapshot()]) == before


def test_predictions_are_probabilities_before_and_after_learning(build):
    model = build()
    for x, y in examples(200):
        assert 0.0 <= model.predict_proba_one(x) <= 1.0
        model.learn_one(x, y)


def test_features_may_be_new_or_missing(build):
    model = taught(build)
    for x in ({}, {"new": 1.0}, {"new": "text"}, {"age": 1.0}, {"last": "never seen"}):
        assert 0.0 <= model.predict_proba_one(x) <= 1.0
        model.learn_one(x, True)


@pytest.mark.parametrize("y", [True, False])
def test_one_class_only_is_learned_without_harm(build, y):
    model = build()
    for x, _ in examples(100):
        model.learn_one(x, y)
    p = model.predict_proba_one(examples(1)[0][0])
    assert 0.0 <= p <= 1.0
    assert (p > 0.5) == y
    assert (model.positives, model.negatives) == ((100, 0) if y else (0, 100))


def test_the_same_examples_make_the_same_model_to_the_bit(build):
    one, other = taught(build), taught(build)
    assert orjson.dumps(one.checkpoint()) == orjson.dumps(other.checkpoint())
    assert orjson.dumps(one.snapshot()) == orjson.dumps(other.snapshot())


@pytest.mark.parametrize("n", [0, 1, 250])
def test_a_model_goes_on_from_its_checkpoint_to_the_bit(build, n):
    model = taught(build, n)
    restored = build.restore(through_json(model.checkpoint()))
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(model.checkpoint())
    for x, y in examples(200, seed=1):
        assert restored.predict_proba_one(x) == model.predict_proba_one(x)
        restored.learn_one(x, y)
        model.learn_one(x, y)
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(model.checkpoint())
    assert orjson.dumps(restored.snapshot()) == orjson.dumps(model.snapshot())


def test_a_checkpoint_is_not_changed_by_what_is_learned_after_it(build):
    model = taught(build)
    checkpoint = model.checkpoint()
    before = orjson.dumps(checkpoint)
    restored = build.restore(checkpoint)
    for x, y in examples(20, seed=2):
        model.learn_one(x, y)
        restored.learn_one(x, not y)
    assert orjson.dumps(checkpoint) == before


@pytest.mark.parametrize("n", [0, 3, 400])
def test_a_snapshot_serves_what_the_learner_itself_would_predict(build, n):
    model = taught(build, n)
    scorer = build_scorer("p_convert", "1", through_json(model.snapshot()))
    for x, _ in [*examples(200, seed=3), ({}, False), ({"never": 1.0, "seen": "x"}, False)]:
        intercept, contributions, variance = scorer.explain_one(x)
        log_odds = intercept + math.fsum(contributions.values())
        assert variance >= 0.0
        assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(model.predict_proba_one(x), abs=1e-9)
    assert (scorer.positives, scorer.negatives) == (model.positives, model.negatives)


def test_features_are_bounded_whatever_senders_think_of(build):
    model = build(max_features=50)
    for n in range(2_000):
        x = {f"n{n}": float(n), f"count:{n}": 1.0, "id": str(n), "age": n % 7}
        model.learn_one(x, n % 3 == 0)
    checkpoint = model.checkpoint()
    assert all(len(part) <= 50 for part in checkpoint.values() if isinstance(part, dict))
    assert len(orjson.dumps(checkpoint)) < LARGEST_CHECKPOINT_BYTES.get(build, 20_000)


@pytest.mark.parametrize("huge", [1e308, -1e308, 1e200, math.inf, math.nan])
def test_a_number_without_measure_does_not_undo_the_model(build, huge):
    model = taught(build)
    for name in ("age", "count_1d:page_view", "fresh"):
        model.learn_one({name: huge}, True)
        model.learn_one({name: -huge}, False)
    build.restore(through_json(model.checkpoint()))  # refuses what is no finite number
    build_scorer("p_convert", "1", through_json(model.snapshot()))
    assert 0.0 <= model.predict_proba_one(examples(1)[0][0]) <= 1.0


@pytest.mark.parametrize(
    "other", [{"schema": 0}, {"schema": 99}, {"library": "river 0.0.1"}, {"schema": None}]
)
def test_a_checkpoint_of_another_schema_or_library_is_refused(build, other):
    with pytest.raises(ModelFormatError):
        build.restore(taught(build, 5).checkpoint() | other)
