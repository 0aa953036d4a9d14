import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import linear_model

from online_models.ad_predictor import INTERCEPT_VARIANCE, AdPredictor
from online_models.formats import ModelFormatError
from online_models.laplace import expit
from online_models.probit_scorer import ProbitScorer, log_odds_of, log_odds_per_probit


def visits(n, seed=0, wanted="demo"):
    """Yield leads whose conversion depends on what they wanted, and on a number in a curve."""
    rng = Random(seed)
    for _ in range(n):
        x = {"last": rng.choice(["demo", "careers"]), "age": rng.uniform(0.0, 6.0)}
        log_odds = 2.0 * (x["last"] == wanted) - 1.5 + math.cos(x["age"])
        yield x, rng.random() < expit(log_odds)


def taught(n=1_000, seed=0, **parameters):
    model = AdPredictor(**parameters)
    for x, y in visits(n, seed):
        model.learn_one(x, y)
    return model


def log_loss(model, examples):
    losses = [-log_odds_loss(model.predict_proba_one(x), y) for x, y in examples]
    return sum(losses) / len(losses)


def log_odds_loss(p, y):
    return math.log(p if y else 1.0 - p)


def test_of_what_is_present_or_absent_it_learns_what_river_does(monkeypatch):
    monkeypatch.setattr("online_models.ad_predictor.INTERCEPT_VARIANCE", 1.0)
    epsilon = 0.01
    rivers = linear_model.AdPredictor(beta=1.0, prior_probability=0.5, epsilon=epsilon)
    ours = AdPredictor(prior_variance=1.0, memory=-1.0 / math.log2(1.0 - epsilon))
    rng = Random(1)
    for _ in range(300):
        page = rng.choice(["home", "pricing", "docs"])
        country = rng.choice(["DE", "FR"])
        y = rng.random() < (0.7 if page == "pricing" else 0.2)
        rivers.learn_one({f"page={page}": 1, f"country={country}": 1}, y)
        ours.learn_one({"page": page, "country": country}, y)
        for other in ("home", "pricing", "docs"):
            x = {"page": other, "country": country}
            if all(f"{name}={value}" in rivers.means for name, value in x.items()):
                theirs = rivers.predict_proba_one({f"{n}={v}": 1 for n, v in x.items()})[True]
                assert ours.predict_proba_one(x) == pytest.approx(theirs, abs=1e-9)
    assert INTERCEPT_VARIANCE != 1.0  # this test is why it is set above


def test_it_learns_curves_and_categories():
    unseen = list(visits(1_000, seed=9))
    rate = sum(y for _, y in unseen) / len(unseen)
    ignorant = -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate))
    assert log_loss(taught(), unseen) < ignorant - 0.08


def test_what_no_longer_holds_is_forgotten():
    forgets, keeps = taught(2_000, memory=300), taught(2_000, memory=math.inf)
    for x, y in visits(500, seed=5, wanted="careers"):
        forgets.learn_one(x, y)
        keeps.learn_one(x, y)
    now = list(visits(500, seed=6, wanted="careers"))
    assert log_loss(forgets, now) < log_loss(keeps, now) - 0.01


def test_an_input_that_labels_say_nothing_of_goes_back_to_its_prior():
    model = AdPredictor(memory=5)
    for _ in range(20):
        model.learn_one({"last": "demo"}, True)
    convinced = model.predict_proba_one({"last": "demo"})
    for n in range(400):
        model.learn_one({"last": "demo"}, n % 2 == 0)
    assert convinced > 0.8
    assert model.predict_proba_one({"last": "demo"}) == pytest.approx(0.5, abs=0.25)


def explained(model, x, fact_of=str):
    return ProbitScorer("p_convert", "1", model.snapshot(), fact_of).explain_one(x)


def test_it_is_less_sure_of_what_it_saw_less_of():
    model = taught()
    few = AdPredictor()
    for x, y in visits(15):
        few.learn_one(x, y)
    x = {"last": "demo", "age": 3.5}
    assert explained(few, x)[2] > 3 * explained(model, x)[2] > 0.0


def test_the_variance_covers_how_far_models_of_other_samples_differ():
    x = {"last": "demo", "age": 2.0}
    log_odds = [
        intercept + sum(told.values())
        for intercept, told, _ in (explained(taught(200, seed), x) for seed in range(25))
    ]
    mean = sum(log_odds) / len(log_odds)
    spread = sum((m - mean) ** 2 for m in log_odds) / (len(log_odds) - 1)
    assert 0.4 < explained(taught(200, 99), x)[2] / spread < 4.0


def test_reasons_are_told_against_the_average_lead():
    model = taught(800)
    told = [explained(model, x)[1]["age"] for x, _ in visits(800)]
    assert abs(sum(told) / len(told)) < 0.02
    assert max(map(abs, told)) > 0.3


def test_views_of_one_fact_are_told_as_one():
    model = AdPredictor()
    for n in range(50):
        model.learn_one({"count:open": float(n % 3), "count_1d:open": 1.0}, n % 3 == 2)
    intercept, told, _ = explained(
        model, {"count:open": 2.0, "count_1d:open": 1.0}, lambda name: name.replace("_1d", "")
    )
    assert list(told) == ["count:open"]
    p = model.predict_proba_one({"count:open": 2.0, "count_1d:open": 1.0})
    assert expit(intercept + told["count:open"]) == pytest.approx(p, abs=1e-12)


def test_a_new_field_of_a_form_says_nothing():
    model = taught()
    x = {"last": "careers", "age": 3.0}
    new = {f"field {n}": "x" for n in range(50)}
    assert model.predict_proba_one(x | new) == model.predict_proba_one(x)


@pytest.mark.parametrize("weight", [3.0, 20.0])
def test_a_weight_stands_for_about_that_many(weight):
    once, often = AdPredictor(memory=math.inf), AdPredictor(memory=math.inf)
    once.learn_one({"last": "demo"}, True, weight)
    for _ in range(int(weight)):
        often.learn_one({"last": "demo"}, True)
    single = AdPredictor(memory=math.inf)
    single.learn_one({"last": "demo"}, True)
    p, repeated = (m.predict_proba_one({"last": "demo"}) for m in (once, often))
    assert single.predict_proba_one({"last": "demo"}) < p
    assert p == pytest.approx(repeated, abs=0.1)


@given(
    weight=st.floats(1e-6, 1e12),
    labels=st.lists(st.booleans(), min_size=1, max_size=20),
    value=st.floats(-1e9, 1e9),
)
def test_whatever_is_learned_beliefs_stay_beliefs(weight, labels, value):
    model = AdPredictor()
    for y in labels:
        model.learn_one({"count:n": value, "age": value, "last": "x"}, y, weight)
    restored = AdPredictor.restore(model.checkpoint())
    assert restored.checkpoint() == model.checkpoint()
    intercept, told, variance = explained(model, {"count:n": value, "last": "x"})
    assert math.isfinite(intercept + sum(told.values()))
    assert variance >= 0.0


@given(st.floats(-1e6, 1e6))
def test_log_odds_of_probits_are_theirs_and_rise_with_them(probits):
    assert log_odds_of(-probits) == -log_odds_of(probits)
    assert log_odds_per_probit(probits) > 0.0
    if abs(probits) < 5.0:
        phi = math.erfc(-probits / math.sqrt(2.0)) / 2.0
        assert expit(log_odds_of(probits)) == pytest.approx(phi, abs=1e-12)


@pytest.mark.parametrize(
    "broken",
    [
        {"numbers": {"age": [1, ["age~9"]]}},
        {"weights": {"a": [0.0, 0.0, 0.0]}},
        {"weights": {"a": [0.0, 1.0]}},
        {"intercept": [0.0, -1.0]},
        {"positives": -1},
    ],
)
def test_a_broken_checkpoint_is_refused_with_its_field(broken):
    with pytest.raises(ModelFormatError, match=next(iter(broken))):
        AdPredictor.restore(AdPredictor().checkpoint() | broken)


@pytest.mark.parametrize(
    "broken", [{"weights": {"a": [1.0, -1.0]}}, {"centres": None}, {"intercept": 0.0}]
)
def test_a_broken_snapshot_is_refused(broken):
    with pytest.raises(ModelFormatError, match=next(iter(broken))):
        ProbitScorer("p_convert", "1", AdPredictor().snapshot() | broken)
