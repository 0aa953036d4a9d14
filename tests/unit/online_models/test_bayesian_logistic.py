import math
from random import Random

import numpy as np
import orjson
import pytest
from scipy.optimize import minimize

from online_models.bayesian_logistic import INTERCEPT_VARIANCE, BayesianLogisticRegression
from online_models.linear_scorer import LinearScorer


def visits(n, seed=0, wanted="demo"):
    """Yield leads whose conversion depends on what they wanted, and on a number in a curve."""
    rng = Random(seed)
    for _ in range(n):
        x = {"last": rng.choice(["demo", "careers"]), "age": rng.uniform(0.0, 6.0)}
        x["count:page_view"] = rng.uniform(0.0, 2.0)
        log_odds = 2.0 * (x["last"] == wanted) - 1.5 + math.cos(x["age"]) + x["count:page_view"]
        yield x, rng.random() < 1 / (1 + math.exp(-log_odds))


def taught(n=2_000, seed=0, **parameters):
    model = BayesianLogisticRegression(**parameters)
    for x, y in visits(n, seed):
        model.learn_one(x, y)
    return model


def log_loss(model, examples):
    losses = []
    for x, y in examples:
        p = model.predict_proba_one(x)
        losses.append(-math.log(p if y else 1 - p))
    return sum(losses) / len(losses)


def test_one_pass_comes_close_to_the_most_probable_weights_of_all_examples_at_once():
    rng = Random(3)
    examples = []
    for _ in range(600):
        first = rng.gauss(0.0, 1.0)
        x = {"count:a": first, "count:b": first + rng.gauss(0.0, 0.5)}  # they share much
        examples.append((x, rng.random() < 1 / (1 + math.exp(0.5 - x["count:b"]))))
    online = BayesianLogisticRegression(prior_variance=1.0, memory=math.inf)
    for x, y in examples:
        online.learn_one(x, y)
    inputs = np.array([[1.0, x["count:a"], x["count:b"]] for x, _ in examples])
    signs = np.array([1.0 if y else -1.0 for _, y in examples])
    variances = np.array([INTERCEPT_VARIANCE, 1.0, 1.0])

    def loss(weights):
        margins = signs * (inputs @ weights)
        return np.logaddexp(0.0, -margins).sum() + (weights**2 / variances).sum() / 2

    offline = minimize(loss, np.zeros(3)).x
    assert online._weights[:3] == pytest.approx(offline, abs=0.1)
    assert np.abs(offline[1:]).max() > 0.5


def test_a_number_bends_the_score_both_ways():
    model = taught()
    low, middle, high = (
        model.predict_proba_one({"last": "demo", "age": age, "count:page_view": 1.0})
        for age in (0.2, 3.1, 5.9)
    )
    assert low > middle + 0.2
    assert high > middle + 0.2


def test_few_examples_change_little():
    model = BayesianLogisticRegression()
    for x, y in visits(5):
        model.learn_one(x, y)
    assert all(0.1 < model.predict_proba_one(x) < 0.9 for x, _ in visits(50, seed=1))


def test_inputs_past_those_learned_together_learn_on_their_own():
    whole, apart = taught(), taught(max_together=5)
    assert len(apart._names) == 5
    unseen = list(visits(500, seed=9))
    guess = sum(y for _, y in unseen) / len(unseen)
    ignorant = -(guess * math.log(guess) + (1 - guess) * math.log(1 - guess))
    assert log_loss(apart, unseen) < ignorant - 0.05
    assert log_loss(apart, unseen) == pytest.approx(log_loss(whole, unseen), abs=0.02)


def test_what_no_longer_holds_is_forgotten():
    model, keeps = taught(3_000, memory=1_000), taught(3_000, memory=math.inf)
    for x, y in visits(2_000, seed=5, wanted="careers"):
        model.learn_one(x, y)
        keeps.learn_one(x, y)
    now = list(visits(1_000, seed=6, wanted="careers"))
    settled = taught(3_000, seed=7)
    assert log_loss(model, now) < log_loss(keeps, now)
    assert log_loss(model, now) < 1.1 * log_loss(settled, list(visits(1_000, seed=8)))


def test_reasons_are_told_against_the_average_lead():
    model = taught()
    scorer = LinearScorer("p_convert", "1", model.snapshot())
    of_age = [scorer.explain_one(x)[1]["age"] for x, _ in visits(2_000)]
    assert sum(of_age) / len(of_age) == pytest.approx(0.0, abs=1e-9)
    assert max(map(abs, of_age)) > 0.3


def test_a_number_that_lacks_after_all_is_no_average():
    model = taught()
    scorer = LinearScorer("p_convert", "1", model.snapshot())
    intercept, contributions, _ = scorer.explain_one({"last": "demo", "age": "unknown"})
    p = 1 / (1 + math.exp(-intercept - sum(contributions.values())))
    assert p == pytest.approx(model.predict_proba_one({"last": "demo"}), abs=1e-9)


def test_it_goes_on_from_a_checkpoint_to_the_bit_while_it_forgets():
    rng = Random(0)
    examples = [({f"n{k}": rng.gauss(0.0, 2.0) for k in range(12)}, n % 3 == 0) for n in range(300)]
    model = BayesianLogisticRegression(memory=50)
    for x, y in examples[:150]:
        model.learn_one(x, y)
    restored = BayesianLogisticRegression.restore(
        orjson.loads(orjson.dumps(model.checkpoint())), memory=50
    )
    for x, y in examples[150:]:
        model.learn_one(x, y)
        restored.learn_one(x, y)
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(model.checkpoint())
    assert orjson.dumps(restored.snapshot()) == orjson.dumps(model.snapshot())


def test_a_weight_stands_for_that_many_examples():
    once, often = (BayesianLogisticRegression(memory=math.inf) for _ in range(2))
    for _ in range(4):
        often.learn_one({"last": "demo"}, True)
    once.learn_one({"last": "demo"}, True, 4.0)
    assert once.predict_proba_one({"last": "demo"}) == pytest.approx(
        often.predict_proba_one({"last": "demo"}), abs=0.06
    )


def test_what_turned_round_is_learned_sooner_by_a_model_that_was_widened():
    turned = [(x, not y) for x, y in visits(200, seed=5)]
    held_out = [(x, not y) for x, y in visits(300, seed=6)]
    as_it_was, widened = taught(), taught()
    widened.widen()
    for model in (as_it_was, widened):
        for x, y in turned:
            model.learn_one(x, y)
    assert log_loss(widened, held_out) < log_loss(as_it_was, held_out) - 0.1


def test_widening_costs_little_where_nothing_changed():
    held_out = list(visits(300, seed=6))
    as_it_was, widened = taught(), taught()
    widened.widen()
    for model in (as_it_was, widened):
        for x, y in visits(200, seed=5):
            model.learn_one(x, y)
    assert log_loss(widened, held_out) < 1.05 * log_loss(as_it_was, held_out)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_widening_mixes_what_is_known_with_what_was_at_first(share):
    model = taught(400, max_together=6)  # some are learned each on its own
    before = BayesianLogisticRegression.restore(model.checkpoint(), max_together=6)
    model.widen(share)
    size = len(model._names)
    # The mixture, by its definition: in each case a mean and second moments about nothing.
    mean = before._weights[:size].copy()
    mean[0] = 0.0
    prior = np.diag([INTERCEPT_VARIANCE] + [model.prior_variance] * (size - 1))
    moments = (1 - share) * (
        before._covariance[:size, :size] + np.outer(mean, mean)
    ) + share * prior
    expected = moments - np.outer((1 - share) * mean, (1 - share) * mean)
    assert model._covariance[:size, :size] == pytest.approx(expected, abs=1e-12)
    assert model._weights[1:size] == pytest.approx((1 - share) * mean[1:])
    assert model._weights[0] == before._weights[0]
    assert model._alone
    for name, (weight, variance) in model._alone.items():
        was, spread = before._alone[name]
        second = (1 - share) * (spread + was * was) + share * model.prior_variance
        assert weight == pytest.approx((1 - share) * was)
        assert variance == pytest.approx(second - weight * weight)


def test_a_widened_model_goes_on_from_its_checkpoint_to_the_bit():
    model = taught(300)
    model.widen(0.3)
    assert (model._covariance == model._covariance.T).all()
    restored = BayesianLogisticRegression.restore(orjson.loads(orjson.dumps(model.checkpoint())))
    for x, y in visits(100, seed=8):
        model.learn_one(x, y)
        restored.learn_one(x, y)
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(model.checkpoint())


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_no_other_share_than_of_one_is_doubted(share):
    with pytest.raises(ValueError, match="share is"):
        BayesianLogisticRegression().widen(share)
