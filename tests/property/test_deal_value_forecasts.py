"""Whatever deals come: forecasts are in order and among the values seen, and survive a restart."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.deal_value import FEWEST_DEALS, DealValueModel
from online_models.served_deal_value import ServedDealValue

names = st.sampled_from(["age", "points", "count:open", "attribute_log:size", "last", "plan"])
values = st.one_of(st.floats(allow_nan=False), st.floats(0.0, 20.0), st.sampled_from("abcdefgh"))
vectors = st.dictionaries(names, values, max_size=6)
deals = st.tuples(
    st.lists(vectors, min_size=1, max_size=3), st.floats(-1.0, 15.0).map(lambda tens: 10.0**tens)
)
histories = st.lists(deals, min_size=FEWEST_DEALS, max_size=FEWEST_DEALS + 15)


def learned(history):
    model = DealValueModel(max_features=12)
    for kept, value_minor in history:
        model.learn_one(kept, value_minor)
    return model


@settings(max_examples=60, deadline=None)
@given(histories, vectors)
def test_forecasts_are_in_order_and_among_the_values_seen(history, x):
    found = learned(history).predict_one(x)
    seen = [value_minor for _, value_minor in history]
    assert min(seen) <= found.low_minor <= found.median_minor <= found.high_minor <= max(seen)
    assert min(seen) * (1 - 1e-12) <= found.expected_minor <= max(seen) * (1 + 1e-12)


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(0, FEWEST_DEALS + 15))
def test_a_restart_anywhere_changes_nothing(history, at):
    model = learned(history[:at])
    again = DealValueModel.restore(json.loads(json.dumps(model.checkpoint())), max_features=12)
    for kept, value_minor in history[at:]:
        model.learn_one(kept, value_minor)
        again.learn_one(kept, value_minor)
    assert again.checkpoint() == model.checkpoint()
    served = ServedDealValue.restore(json.loads(json.dumps(model.snapshot())))
    for kept, _ in history:
        assert served.predict_one(kept[0]) == again.predict_one(kept[0])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(vectors, min_size=1, max_size=3), st.floats(1e2, 1e6)),
        min_size=FEWEST_DEALS,
        max_size=FEWEST_DEALS + 15,
    ),
    vectors,
    st.floats(0.01, 100.0),
)
def test_another_currency_changes_nothing_but_the_unit(history, x, rate):
    found = learned(history).predict_one(x)
    other = learned([(kept, rate * value_minor) for kept, value_minor in history]).predict_one(x)
    assert other == pytest.approx([rate * minor for minor in found], rel=1e-6)
    assert all(map(math.isfinite, other))
