"""Deal values learned online: shrunk to the mean, bounded, restorable, and served the same."""

import json
import math
from random import Random

import pytest

from online_models.deal_value import FEWEST_DEALS, DealValueModel
from online_models.formats import ModelFormatError
from online_models.served_deal_value import ServedDealValue


def deals(count, seed=0, slope=0.6, noises=20):
    """Draw (vectors, value): larger companies pay more by the slope, the rest says nothing."""
    random = Random(seed)
    for _ in range(count):
        size = random.gauss(4.0, 1.5)
        known = {} if random.random() < 0.2 else {"attribute_log:size": size}
        vectors = [
            known
            | {"last": random.choice("abcd")}
            | {f"count:{n}": math.log1p(random.expovariate(0.5)) for n in range(noises)}
            for _ in range(random.randint(1, 3))
        ]
        yield vectors, math.exp(12.0 + slope * (size - 4.0) + random.gauss(0.0, 0.8))


def learned(rows, **parameters):
    model = DealValueModel(**parameters)
    for vectors, value_minor in rows:
        model.learn_one(vectors, value_minor)
    return model


def squared_errors(rows):
    """Return what predictions and the running mean were off by, in logarithms, squared."""
    model, off, off_mean, total = DealValueModel(), 0.0, 0.0, 0.0
    for n, (vectors, value_minor) in enumerate(rows):
        log_value = math.log(value_minor)
        served = model.served()
        if served is not None:
            off += (served.log_value(vectors[0]) - log_value) ** 2
            off_mean += (total / n - log_value) ** 2
        model.learn_one(vectors, value_minor)
        total += log_value
    return off, off_mean


def stored(model):
    return json.loads(json.dumps(model.checkpoint()))


def test_nothing_is_foretold_of_few_deals():
    model = learned(deals(FEWEST_DEALS - 1))
    assert model.predict_one({}) is None
    assert model.snapshot() is None
    model.learn_one([{}], 100.0)
    assert model.predict_one({}) is not None
    assert model.deals == FEWEST_DEALS


def test_the_first_forecasts_are_those_of_the_mean_and_the_median():
    values = [100.0 * 2.0 ** (n % 7) for n in range(FEWEST_DEALS)]
    found = learned(([{}], value) for value in values).predict_one({})
    assert found.expected_minor == pytest.approx(sum(values) / len(values), rel=0.01)
    assert found.median_minor == pytest.approx(sorted(values)[FEWEST_DEALS // 2], rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_features_that_say_nothing_leave_the_mean(seed):
    off, off_mean = squared_errors(deals(150, seed, slope=0.0))
    assert off < 1.02 * off_mean


@pytest.mark.parametrize("seed", range(3))
def test_features_that_say_something_foretell_better_than_the_mean(seed):
    off, off_mean = squared_errors(deals(200, seed))
    assert off < 0.85 * off_mean


def test_features_that_say_something_are_trusted():
    assert learned(deals(200)).served().trust > 0.99
    assert learned(deals(200, slope=0.0)).served().trust < 0.5


def test_predictions_are_right_on_average_for_lognormal_values():
    rows = list(deals(1_000, 3))
    model = learned(rows[:500])
    predicted = sum(model.predict_one(vectors[0]).expected_minor for vectors, _ in rows[500:])
    assert predicted == pytest.approx(sum(value for _, value in rows[500:]), rel=0.2)


def test_of_ten_deals_eight_lie_in_the_interval_and_half_above_the_median():
    rows = list(deals(900, 4))
    model, within, above = learned(rows[:300]), 0, 0
    for vectors, value_minor in rows[300:]:
        found = model.predict_one(vectors[0])
        within += found.low_minor <= value_minor <= found.high_minor
        above += value_minor > found.median_minor
        model.learn_one(vectors, value_minor)
    assert 0.75 < within / 600 < 0.85
    assert 0.44 < above / 600 < 0.56


def test_no_prediction_lies_outside_the_values_seen():
    rows = list(deals(200))
    model = learned(rows)
    values = [value for _, value in rows]
    for size in (-1e15, 1e15):
        found = model.predict_one({"attribute_log:size": size})
        assert min(values) <= min(found)
        assert max(found) <= max(values)


def test_the_vectors_of_a_deal_weigh_together_as_much_as_another_deals():
    once = learned(((vectors[:1], value) for vectors, value in deals(60)))
    thrice = learned(((3 * vectors[:1], value) for vectors, value in deals(60)))
    x = next(deals(1, seed=9))[0][0]
    assert thrice.predict_one(x) == pytest.approx(once.predict_one(x), rel=1e-9)


def test_a_deal_does_not_foretell_itself():
    """Vectors of a deal that no other is like say nothing, though they say the same each time."""
    random = Random(5)
    model = DealValueModel(max_features=60)
    for n in range(60):
        model.learn_one(4 * [{"id": str(n)}], math.exp(random.gauss(10.0, 1.0)))
    assert model.served().trust < 0.5


def test_the_mean_follows_prices():
    model = DealValueModel(memory_deals=50.0)
    for price in (1_000.0, 2_000.0):
        for n in range(300):
            model.learn_one([{}], price * (0.9 + 0.2 * (n % 2)))
    assert model.predict_one({}).expected_minor == pytest.approx(2_000.0, rel=0.02)


def test_memory_is_bounded():
    model = DealValueModel(max_features=10)
    for n in range(100):
        model.learn_one([{"id": str(n)}], 100.0 + n)
    state = model.checkpoint()
    assert len(state["inputs"]["plain"]) == 10 == len(state["regressions"][0]["names"])
    assert model.ignored_features == 90


@pytest.mark.parametrize("known", [5, FEWEST_DEALS, 70])
def test_a_restored_model_goes_on_to_the_bit(known):
    rows = list(deals(120))
    model = learned(rows[:known])
    again = DealValueModel.restore(stored(model))
    assert again.snapshot() == model.snapshot()
    for vectors, value_minor in rows[known:]:
        model.learn_one(vectors, value_minor)
        again.learn_one(vectors, value_minor)
    assert stored(again) == stored(model)


def test_a_snapshot_serves_what_the_model_foretells():
    rows = list(deals(60))
    model = learned(rows)
    served = ServedDealValue.restore(json.loads(json.dumps(model.snapshot())))
    for vectors, _ in rows:
        assert served.predict_one(vectors[0]) == model.predict_one(vectors[0])


@pytest.mark.parametrize("value_minor", [0.0, -5.0, math.nan, math.inf, 1e16])
def test_a_value_that_cannot_be_is_refused_and_changes_nothing(value_minor):
    model = learned(deals(30))
    before = model.checkpoint()
    with pytest.raises(ValueError, match="value_minor is"):
        model.learn_one([{"new": "x"}], value_minor)
    assert model.checkpoint() == before


@pytest.mark.parametrize(("vectors", "named"), [([], "vectors"), ([{}, {"new": math.nan}], "new")])
def test_vectors_that_cannot_be_are_refused_and_change_nothing(vectors, named):
    model = learned(deals(30))
    before = model.checkpoint()
    with pytest.raises(ValueError, match=named):
        model.learn_one(vectors, 9.0)
    assert model.checkpoint() == before


@pytest.mark.parametrize("parameters", [{"max_features": 0}, {"memory_deals": 0.0}])
def test_parameters_out_of_their_range_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        DealValueModel(**parameters)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 9}, {"library": "river 0.1"}, {"deals": -1}, {"level": math.nan},
        {"regressions": []}, {"inputs": {}}, {"errors": {}}, {"least_minor": 1e14},
        {"inputs": {"seen": 1.0, "numbers": {}, "plain": {}}},
    ],
)  # fmt: skip
def test_a_broken_checkpoint_is_refused(change):
    with pytest.raises(ModelFormatError):
        DealValueModel.restore(stored(learned(deals(30))) | change)


@pytest.mark.parametrize(
    "change",
    [
        {"losses": [1.0]},
        {"newest": []},
        {"foretold_minor": 0.0},
        {"came_minor": 0.0},
        {"squares": -1.0},
    ],
)
def test_broken_errors_in_a_checkpoint_are_refused(change):
    state = stored(learned(deals(30)))
    state["errors"] |= change
    with pytest.raises(ModelFormatError):
        DealValueModel.restore(state)


def test_a_checkpoint_with_more_features_than_may_be_is_refused():
    with pytest.raises(ModelFormatError, match="max_features"):
        DealValueModel.restore(stored(learned(deals(30))), max_features=3)
