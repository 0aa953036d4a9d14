"""Lifetime value learned purchase by purchase: what a batch fit finds, bounded and restorable."""

import json
from dataclasses import astuple
from random import Random

import pytest

from online_models.bg_nbd import BgNbd, fit_bg_nbd
from online_models.bounded_cells import FINEST
from online_models.expected_value import lifetime_value
from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.gamma_gamma import GammaGamma, fit_gamma_gamma
from online_models.lifetime_value import LifetimeValueModel
from online_models.purchase_history import PurchaseHistory

LAST_DAY = 400


def purchases(customers, seed=0):
    """Draw (day, customer, amount) of customers who leave, in order of days."""
    random = Random(seed)
    drawn = []
    for customer in range(customers):
        day = random.randrange(250)
        rate, leaving = random.gammavariate(0.8, 1 / 40), random.betavariate(0.9, 2.5)
        scale = 8_000 / random.gammavariate(3.5, 1)
        while day <= LAST_DAY:
            drawn.append((day, customer, 1 + round(random.gammavariate(4.0, scale))))
            if random.random() < leaving and day:
                break
            day += 1 + int(random.expovariate(rate))
    return sorted(drawn)


def learned(rows, **parameters):
    model, histories = LifetimeValueModel(**parameters), {}
    for day, customer, spend_minor in rows:
        histories[customer] = model.learn_one(histories.get(customer), day, spend_minor, day)
    return model, list(histories.values())


def batch(histories, today):
    rows = [(h.repeats, h.recency_days, h.age_days(today)) for h in histories]
    spenders = [(h.purchases, h.spend_minor) for h in histories if h.spend_minor > 0]
    return fit_bg_nbd(*zip(*rows, strict=True)), fit_gamma_gamma(*zip(*spenders, strict=True))


@pytest.fixture(scope="module")
def rows():
    return purchases(700)


@pytest.fixture(scope="module")
def model_and_histories(rows):
    return learned(rows)


def stored(model):
    return json.loads(json.dumps(model.checkpoint()))


def test_after_the_last_purchase_the_parameters_are_those_of_a_batch_fit(rows, model_and_histories):
    model, histories = model_and_histories
    bg_nbd, gamma_gamma = batch(histories, rows[-1][0])
    assert astuple(model.bg_nbd) == pytest.approx(astuple(bg_nbd), rel=0.02)
    assert astuple(model.gamma_gamma) == pytest.approx(astuple(gamma_gamma), rel=0.02)


def test_customers_who_stay_silent_age_when_fitted_anew(model_and_histories):
    model, histories = model_and_histories
    later = LifetimeValueModel.restore(stored(model))
    later.refit(LAST_DAY + 100)
    bg_nbd, gamma_gamma = batch(histories, LAST_DAY + 100)
    assert astuple(later.bg_nbd) == pytest.approx(astuple(bg_nbd), rel=1e-3)
    assert astuple(later.gamma_gamma) == pytest.approx(astuple(gamma_gamma), rel=1e-3)
    assert later.bg_nbd.a / later.bg_nbd.b > model.bg_nbd.a / model.bg_nbd.b


def test_neither_the_order_of_purchases_nor_learning_them_at_once_matters(rows):
    rows = rows[:600]
    shuffled = Random(4).sample(rows, len(rows))
    today = rows[-1][0]
    one_by_one, histories = learned(rows)
    late, by_customer = LifetimeValueModel(), {}
    for day, customer, spend_minor in shuffled:
        by_customer[customer] = late.learn_one(by_customer.get(customer), day, spend_minor, today)
    at_once = LifetimeValueModel()
    for history in histories:
        at_once.learn_history(history, today)
    fits = []
    for model in (one_by_one, late, at_once):
        model.refit(today)
        fits.append((*astuple(model.bg_nbd), *astuple(model.gamma_gamma)))
    assert sorted(late.checkpoint()["timing"]["cells"]) == sorted(
        one_by_one.checkpoint()["timing"]["cells"]
    )
    assert fits[1] == pytest.approx(fits[0], rel=1e-3)
    assert fits[2] == pytest.approx(fits[0], rel=1e-3)


def test_learning_again_gives_the_same_to_the_bit_also_across_a_checkpoint(rows):
    rows = rows[:500]
    whole, _ = learned(rows)
    model, histories = LifetimeValueModel(), {}
    for n, (day, customer, spend_minor) in enumerate(rows):
        if n % 70 == 0:
            model = LifetimeValueModel.restore(stored(model))
        histories[customer] = model.learn_one(histories.get(customer), day, spend_minor, day)
    assert model.bg_nbd is not None
    assert model.checkpoint() == whole.checkpoint()


def test_who_is_forgotten_leaves_no_trace(model_and_histories):
    model, histories = model_and_histories
    model = LifetimeValueModel.restore(stored(model))
    before = stored(model)
    stranger = PurchaseHistory(40, 5, 380, 900_000)
    model.learn_history(stranger, LAST_DAY)
    model.forget_one(stranger)
    for table in ("timing", "spend"):
        assert sorted(model.checkpoint()[table]["cells"]) == sorted(before[table]["cells"])
    for history in histories:
        model.forget_one(history)
    assert len(model.timing_cells) == len(model.spend_cells) == 0


def test_a_full_model_stays_bounded_and_near_the_batch_fit():
    random = Random(9)
    model = LifetimeValueModel(max_cells=4_000)
    histories = []
    for _ in range(9_000):
        first, recency = random.randrange(1_000), random.randrange(1, 500)
        bought = min(recency + 1, 2 + int(random.expovariate(0.3)))
        if random.random() < 0.6:
            recency, bought = 0, 1
        spend_minor = bought * random.randrange(1_000, 9_000)
        histories.append(PurchaseHistory(bought, first, first + recency, spend_minor))
        model.timing_cells.add((bought - 1, recency, first), 1_500)
        model.spend_cells.add((bought, spend_minor), 1_500)
    assert max(len(model.timing_cells), len(model.spend_cells)) <= 4_000
    assert model.timing_cells.finest < FINEST
    model.refit(1_500)
    bg_nbd, gamma_gamma = batch(histories, 1_500)
    assert astuple(model.bg_nbd) == pytest.approx(astuple(bg_nbd), rel=0.05)
    assert astuple(model.gamma_gamma) == pytest.approx(astuple(gamma_gamma), rel=0.02)
    assert len(json.dumps(model.checkpoint())) < 400_000


def test_a_prediction_is_what_both_models_say(model_and_histories):
    model, _ = model_and_histories
    history = PurchaseHistory(4, 20, 300, 20_000)
    value = model.predict_one(history, 390, 180.0)
    known = 3, 280, 370
    assert value.alive_probability == model.bg_nbd.alive_probability(*known)
    assert value.purchase_probability == model.bg_nbd.purchase_probability(*known, 180.0)
    assert value.expected_purchases == model.bg_nbd.expected_purchases(*known, 180.0)
    assert value.expected_spend_minor == model.gamma_gamma.expected_spend(4, 20_000)
    undiscounted = value.expected_purchases * value.expected_spend_minor
    assert undiscounted / 1.15**0.5 < value.value_minor < undiscounted
    model = LifetimeValueModel.restore(stored(model), yearly_discount=0.0)
    assert model.predict_one(history, 390, 180.0).value_minor == pytest.approx(undiscounted)


def test_silence_is_worth_less_than_a_purchase_today(model_and_histories):
    model, _ = model_and_histories
    active = model.predict_one(PurchaseHistory(5, 20, 390, 20_000), 390, 90.0)
    silent = model.predict_one(PurchaseHistory(5, 20, 120, 20_000), 390, 90.0)
    assert active.alive_probability > silent.alive_probability
    assert active.purchase_probability > silent.purchase_probability
    assert active.value_minor > silent.value_minor


def test_nothing_is_foretold_while_too_little_is_known():
    model = LifetimeValueModel()
    history = model.learn_one(None, 3, 2_000, 3)
    assert model.predict_one(history, 5, 30.0) is None
    for customer in range(60):
        history = model.learn_one(None, customer, 500, 100)
    assert model.bg_nbd is None


def test_without_amounts_there_is_no_value():
    model = LifetimeValueModel()
    for day in range(60):
        history = model.learn_one(None, day, 0, 200)
        history = model.learn_one(history, day + 30, 0, 200)
    value = model.predict_one(history, 210, 30.0)
    assert 0.0 < value.purchase_probability < 1.0
    assert value.expected_spend_minor is None
    assert value.value_minor is None


def test_a_customer_with_refunds_alone_is_worth_what_all_are():
    gamma_gamma = GammaGamma(6.0, 4.0, 1_500.0)
    value = lifetime_value(
        BgNbd(0.3, 30.0, 0.8, 2.4), gamma_gamma, PurchaseHistory(1, 0, 0, -500), 10, 30.0
    )
    assert value.expected_spend_minor == gamma_gamma.expected_spend(0, 0.0)


def test_bad_input_is_refused_and_changes_nothing(model_and_histories):
    model, histories = model_and_histories
    model = LifetimeValueModel.restore(stored(model))
    before = model.checkpoint()
    known = histories[0]
    stranger = PurchaseHistory(7, 3, 399, 123_457)
    half_known = PurchaseHistory(
        known.purchases, known.first_day, known.last_day, known.spend_minor + 10**9
    )
    for history, day, spend_minor, today, match in (
        (None, 5, 100, 4, "day is 5"),
        (None, 5, 1.0, 6, "spend_minor"),
        (None, 5.0, 100, 6, "day"),
        (known, LAST_DAY, 100, 10**6, "today"),
        (stranger, LAST_DAY, 100, LAST_DAY, "was not learned"),
        (half_known, LAST_DAY, 100, LAST_DAY, "was not learned"),
    ):
        with pytest.raises(ValueError, match=match):
            model.learn_one(history, day, spend_minor, today)
    with pytest.raises(ValueError, match="day is"):
        model.learn_history(stranger, 398)
    after = model.checkpoint()
    for table in ("timing", "spend"):
        before[table]["cells"].sort()
        after[table]["cells"].sort()
    assert after == before
    with pytest.raises(ValueError, match="day"):
        model.predict_one(stranger, 398, 30.0)
    with pytest.raises(ValueError, match="horizon"):
        model.predict_one(stranger, 399, -1.0)
    for discount in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="yearly_discount"):
            LifetimeValueModel(discount)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("today",), 10**7),
        (("learned",), -1),
        (("bg_nbd",), [1.0, 2.0, 3.0]),
        (("bg_nbd",), [1.0, 2.0, 3.0, 0.0]),
        (("gamma_gamma",), [1.0, 0.5, 3.0]),
        (("timing", "finest"), 3),
        (("timing", "cells"), [[0, 1, 1, 1]]),
        (("timing", "cells"), [[1, 5, 1, 1]]),
        (("timing", "cells"), [[1, 1, 1]]),
        (("timing", "cells"), [[1, 1, 1, 1], [1, 1, 1, 1]]),
        (("timing", "cells"), [[1, 0, 0, n] for n in range(20_000)]),
        (("spend", "cells"), [[1, 1, 0]]),
        (("spend",), None),
    ],
)
def test_broken_checkpoints_are_refused(model_and_histories, path, value):
    state = stored(model_and_histories[0])
    place = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ModelFormatError):
        LifetimeValueModel.restore(state)


def test_checkpoints_of_another_kind_are_refused(model_and_histories):
    state = stored(model_and_histories[0])
    for change in ({"schema": 2}, {"library": "lifetimes"}):
        with pytest.raises(ModelSchemaError):
            LifetimeValueModel.restore(state | change)
    for broken in (None, [], {"schema": 1, "library": "leadstream lifetime value"}):
        with pytest.raises(ModelFormatError):
            LifetimeValueModel.restore(broken)
