"""Learners of uplift: what treatment changes, how sure that is, and that they go on the same."""

import json
import math
from collections.abc import Iterator
from random import Random

import pytest

from online_models.effect_regression import EffectRegression
from online_models.formats import ModelFormatError
from online_models.uplift import SLearner, TLearner
from online_models.uplift_effect import Uplift
from online_models.x_learner import XLearner

LEARNERS = [TLearner, SLearner, XLearner]
EFFECTS = {"new": 0.3, "known": 0.0, "bought": -0.2}
BASE = {"new": 0.2, "known": 0.5, "bought": 0.4}
Lead = tuple[dict[str, float | str], bool, bool]


def leads(count: int, seed: int, treated: float = 0.5) -> Iterator[Lead]:
    random = Random(seed)
    for _ in range(count):
        stage = random.choice(list(EFFECTS))
        is_treated = random.random() < treated
        p = BASE[stage] + EFFECTS[stage] * is_treated
        yield {"stage": stage, "age": random.uniform(0.0, 3.0)}, is_treated, random.random() < p


def taught(new, count=1_500, seed=1, treated=0.5):
    learner = new()
    for x, is_treated, y in leads(count, seed, treated):
        learner.learn_one(x, is_treated, y, treated_probability=treated)
    return learner


@pytest.fixture(scope="module", params=LEARNERS)
def learner(request):
    return taught(request.param)


def test_effects_are_found_of_either_sign(learner):
    for stage, effect in EFFECTS.items():
        found = learner.predict_uplift_one({"stage": stage, "age": 1.5}).effect
        assert found == pytest.approx(effect, abs=0.09)


def test_only_leads_that_treatment_harms_are_not_to_be_disturbed(learner):
    surer = taught(type(learner), 4_000)
    told = {s: surer.predict_uplift_one({"stage": s, "age": 1.5}) for s in EFFECTS}
    assert {s for s, uplift in told.items() if uplift.do_not_disturb} == {"bought"}
    assert told["new"].interval[0] > 0.0


@pytest.mark.parametrize("new", LEARNERS)
def test_a_learner_that_knows_nothing_tells_no_effect_and_no_interval(new):
    uplift = new().predict_uplift_one({"stage": "new"})
    assert uplift.effect == pytest.approx(0.0, abs=1e-9)
    assert uplift.interval is None


@pytest.mark.parametrize("new", LEARNERS)
@pytest.mark.parametrize("is_treated", [True, False])
def test_without_the_other_arm_no_lead_is_left_undisturbed(new, is_treated):
    learner = new()
    for n in range(500):
        learner.learn_one({"stage": "new"}, is_treated, (n % 50 == 0) == is_treated)
    uplift = learner.predict_uplift_one({"stage": "new"})
    assert uplift.interval is None
    assert not uplift.do_not_disturb


@pytest.mark.parametrize("new", LEARNERS)
def test_intervals_hold_the_truth_about_as_often_as_they_say(new):
    held = told = 0
    for seed in range(8):
        learner = taught(new, 500, seed)
        for stage, effect in EFFECTS.items():
            low, high = learner.predict_uplift_one({"stage": stage, "age": 1.5}).interval
            held += low <= effect <= high
            told += 1
    assert held / told >= 0.85


def test_more_leads_make_surer(learner):
    x = {"stage": "known", "age": 1.5}
    fewer = taught(type(learner), 300).predict_uplift_one(x)
    assert learner.predict_uplift_one(x).standard_error < 0.8 * fewer.standard_error


def test_a_learner_from_its_checkpoint_goes_on_the_same(learner):
    there = type(learner).restore(json.loads(json.dumps(learner.checkpoint())))
    back = type(learner).restore(json.loads(json.dumps(learner.checkpoint())))
    for x, is_treated, y in leads(100, 2):
        for one in (there, back):
            one.learn_one({**x, "seen": "first"}, is_treated, y, weight=2.0)
        assert there.predict_uplift_one(x) == back.predict_uplift_one(x)
    assert there.checkpoint() == back.checkpoint() != learner.checkpoint()
    again = type(learner).restore(learner.checkpoint())
    assert again.checkpoint() == learner.checkpoint()
    x = {"stage": "new", "age": 0.3}
    assert again.predict_uplift_one(x) == learner.predict_uplift_one(x)


def test_a_restored_learner_is_not_told_apart_from_one_that_never_stopped():
    for new in LEARNERS:
        whole, first = new(), new()
        rows = list(leads(600, 3))
        for x, is_treated, y in rows[:500]:
            whole.learn_one(x, is_treated, y)
            first.learn_one(x, is_treated, y)
        stopped = new.restore(json.loads(json.dumps(first.checkpoint())))
        for x, is_treated, y in rows[500:]:
            whole.learn_one(x, is_treated, y)
            stopped.learn_one(x, is_treated, y)
        assert json.dumps(whole.checkpoint()) == json.dumps(stopped.checkpoint())


def test_a_broken_checkpoint_is_refused(learner):
    state = learner.checkpoint()
    for field in state:
        for wrong in (None, [], -1, "x", {}, {"treated": {}}, math.inf):
            if wrong == state[field]:
                continue
            with pytest.raises(ModelFormatError):
                type(learner).restore({**state, field: wrong})
        with pytest.raises(ModelFormatError):
            type(learner).restore({name: value for name, value in state.items() if name != field})


def test_a_learner_does_not_go_on_from_another_kind_of_learner():
    for new in LEARNERS:
        for other in LEARNERS:
            if new is not other:
                with pytest.raises(ModelFormatError, match="learner"):
                    new.restore(other().checkpoint())


@pytest.mark.parametrize("new", LEARNERS)
@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, math.nan])
def test_a_treatment_without_a_choice_is_refused(new, probability):
    learner = new()
    before = learner.checkpoint()
    with pytest.raises(ValueError, match="treated_probability"):
        learner.learn_one({"stage": "new"}, True, True, treated_probability=probability)
    assert learner.checkpoint() == before


@pytest.mark.parametrize("new", LEARNERS)
def test_models_that_do_not_tell_their_error_leave_it_out(new):
    learner = new("logistic")
    for x, is_treated, y in leads(1_500, 1):
        before = dict(x)
        learner.learn_one(x, is_treated, y)
        assert x == before
    uplift = learner.predict_uplift_one({"stage": "bought", "age": 1.5})
    assert uplift.effect < -0.05
    assert uplift.standard_error is None is uplift.interval
    assert not uplift.do_not_disturb


@pytest.mark.parametrize("new", LEARNERS)
def test_a_weight_stands_for_so_many_leads(new):
    light, heavy = taught(new, 600), taught(new, 600)
    for one, weight in ((light, 0.1), (heavy, 10.0)):
        for n in range(40):
            one.learn_one({"stage": "known", "age": 1.5}, n % 2 == 0, n % 2 == 0, 0.5, weight)
    x = {"stage": "known", "age": 1.5}
    assert heavy.predict_uplift_one(x).effect > light.predict_uplift_one(x).effect + 0.1


def test_an_s_learner_tells_effects_of_numbers_apart():
    learner = SLearner()
    random = Random(4)
    for _ in range(2_500):
        points, is_treated = random.choice([0.0, 80.0]), random.random() < 0.5
        p = 0.3 + (0.4 if points else -0.2) * is_treated
        learner.learn_one({"points": points}, is_treated, random.random() < p)
    assert learner.predict_uplift_one({"points": 80.0}).effect == pytest.approx(0.4, abs=0.1)
    assert learner.predict_uplift_one({"points": 0.0}).effect == pytest.approx(-0.2, abs=0.1)


def test_who_is_treated_is_as_given_or_else_learned():
    assert XLearner().treated_probability_one({}) == 0.5
    assert taught(XLearner, 50, treated=0.9).treated_probability_one({}) == pytest.approx(0.9)
    learner = XLearner()
    random = Random(5)
    for _ in range(1_000):
        size = random.choice(["large", "small"])
        is_treated = random.random() < (0.9 if size == "large" else 0.3)
        learner.learn_one({"size": size}, is_treated, random.random() < 0.5)
    assert learner.treated_probability_one({"size": "large"}) == pytest.approx(0.9, abs=0.1)
    assert learner.treated_probability_one({"size": "small"}) == pytest.approx(0.3, abs=0.1)


def test_effects_are_found_with_a_small_holdout():
    learner = taught(XLearner, 3_000, treated=0.9)
    for stage, effect in EFFECTS.items():
        found = learner.predict_uplift_one({"stage": stage, "age": 1.5}).effect
        assert found == pytest.approx(effect, abs=0.1)


def test_an_interval_stays_among_differences_of_probabilities():
    assert Uplift(0.9, 0.5).interval == (pytest.approx(-0.388, abs=0.001), 1.0)
    assert Uplift(0.9, 0.5, (-1.2, 1.4)).interval == (-1.0, 1.0)


def test_the_regression_of_effects_is_least_squares_with_a_prior():
    regression = EffectRegression(memory=math.inf)
    random = Random(6)
    for _ in range(2_000):
        size = random.choice(["large", "small"])
        effect = 0.2 if size == "large" else -0.1
        regression.learn_one({"size": size}, effect + random.gauss(0.0, 0.3))
    large, variance = regression.predict_one({"size": "large"})
    assert large == pytest.approx(0.2, abs=4.0 * math.sqrt(variance))
    assert regression.noise_variance == pytest.approx(0.09, rel=0.1)
    assert variance == pytest.approx(0.09 / 1_000, rel=0.2)


def test_the_regression_keeps_no_more_inputs_than_it_may():
    regression = EffectRegression(max_together=50)
    for n in range(200):
        regression.learn_one({"id": str(n)}, 0.1)
    assert regression.ignored_features == 200 - 49
    assert len(regression.checkpoint()["names"]) == 50
    assert regression.predict_one({"id": "199"})[1] > regression.prior_variance
