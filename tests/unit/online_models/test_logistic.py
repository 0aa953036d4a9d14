from random import Random

import pytest

from online_models.logistic import CLIP, OnlineLogisticRegression


def learned(n=500, seed=0, **parameters):
    rng, model = Random(seed), OnlineLogisticRegression(**parameters)
    for _ in range(n):
        y = rng.random() < 0.3
        model.learn_one({"n": rng.gauss(3.0 if y else 0.0, 1.0), "text": "yes" if y else "no"}, y)
    return model


def test_it_tells_what_it_was_shown_apart():
    model = learned()
    assert model.predict_proba_one({"n": 3.0, "text": "yes"}) > 0.9
    assert model.predict_proba_one({"n": 0.0, "text": "no"}) < 0.1
    assert model.positives + model.negatives == 500


def test_the_unit_of_a_number_does_not_matter():
    rng = Random(1)
    one, thousand = OnlineLogisticRegression(), OnlineLogisticRegression()
    for _ in range(200):
        x, y = rng.gauss(0, 1), rng.random() < 0.5
        one.learn_one({"n": x}, y)
        thousand.learn_one({"n": 1_000 * x}, y)
    assert one.predict_proba_one({"n": 0.7}) == pytest.approx(
        thousand.predict_proba_one({"n": 700.0}), abs=1e-9
    )


def test_log_counts_are_taken_as_they_are():
    model = OnlineLogisticRegression()
    for _ in range(100):
        model.learn_one({"count:demo": 1.0}, True)
        model.learn_one({}, False)
    assert model.predict_proba_one({"count:demo": 1.0}) > 0.7
    assert model.predict_proba_one({}) < 0.5


def test_an_outlier_counts_as_the_clip_and_no_more():
    model = learned()
    far, further = ({"n": model.snapshot()["numeric"]["n"][1] + k * 1e6} for k in (1, 9))
    assert model.predict_proba_one(far) == model.predict_proba_one(further) < 1.0
    assert CLIP == 5.0


def test_a_constant_teaches_nothing_of_itself():
    model = OnlineLogisticRegression()
    for n in range(50):
        model.learn_one({"same": 7.0}, n % 2 == 0)
    assert "same" not in model.snapshot()["numeric"]
    assert model.predict_proba_one({"same": 9.0}) == model.predict_proba_one({})


def test_a_weight_stands_for_that_many_like_it():
    light, heavy = OnlineLogisticRegression(), OnlineLogisticRegression()
    for n in range(20):
        light.learn_one({"a": "x"}, n % 2 == 0)
        heavy.learn_one({"a": "x"}, n % 2 == 0, 5.0 if n % 2 == 0 else 1.0)
    assert heavy.predict_proba_one({"a": "x"}) > light.predict_proba_one({"a": "x"})


def test_features_beyond_the_bound_are_counted_as_ignored():
    model = OnlineLogisticRegression(max_features=5)
    for n in range(20):
        model.learn_one({"id": f"visitor {n}"}, n % 2 == 0)
    assert model.ignored_features == 15
    assert len(model.checkpoint()["weights"]) == 5


def test_what_turned_round_is_learned_sooner_by_a_model_that_was_widened():
    as_it_was, widened = learned(), learned()
    widened.widen()
    for n in range(100):
        y = n % 3 == 0
        for model in (as_it_was, widened):
            model.learn_one({"n": 0.0 if y else 3.0, "text": "no" if y else "yes"}, y)
    turned = {"n": 3.0, "text": "yes"}
    assert widened.predict_proba_one(turned) < 0.2 < as_it_was.predict_proba_one(turned)


def test_widening_fades_weights_and_what_slows_their_steps():
    model, before = learned(), learned().checkpoint()
    model.widen(0.75)
    after = model.checkpoint()
    for part in ("weights", "squares"):
        assert after[part] == pytest.approx({k: 0.25 * v for k, v in before[part].items()})
    kept = set(before) - {"weights", "squares"}
    assert {k: after[k] for k in kept} == {k: before[k] for k in kept}


def test_a_widened_model_goes_on_from_its_checkpoint_to_the_bit():
    model = learned()
    model.widen(1.0)
    restored = OnlineLogisticRegression.restore(model.checkpoint())
    for n in range(50):
        x = {"n": n % 5, "text": "yes" if n % 2 else "no"}
        model.learn_one(x, n % 3 == 0)
        restored.learn_one(x, n % 3 == 0)
    assert restored.checkpoint() == model.checkpoint()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_no_other_share_than_of_one_is_doubted(share):
    with pytest.raises(ValueError, match="share is"):
        OnlineLogisticRegression().widen(share)
