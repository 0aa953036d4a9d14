"""Inputs of deal values: each about its mean, bounded in number and in size."""

import pytest

from online_models.deal_inputs import FARTHEST, DealInputs


def learned(*vectors, max_features=10):
    inputs = DealInputs(max_features)
    for x in vectors:
        inputs.learn_one(x, weight=1.0)
    return inputs


def test_a_count_that_lacks_is_none_and_a_number_that_lacks_is_its_mean():
    inputs = learned({"count:open": 2.0, "age": 4.0}, {"age": 6.0}, {"count:open": 1.0})
    assert inputs.centred({}) == {"count:open": pytest.approx(-1.0)}
    assert inputs.centred({"age": 5.0, "count:open": 1.0}) == pytest.approx(
        {"count:open": 0.0, "age": 0.0}
    )


def test_weights_count():
    inputs = DealInputs(max_features=2)
    inputs.learn_one({"age": 1.0, "stage": "new"}, weight=0.25)
    inputs.learn_one({"age": 5.0}, weight=0.75)
    assert inputs.centred({"age": 4.0}) == {"stage=new": -0.25, "age": 0.0}


def test_a_category_met_late_has_been_absent_before():
    inputs = learned(*9 * [{"stage": "new"}], {"stage": "demo"})
    assert inputs.centred({"stage": "demo"}) == pytest.approx(
        {"stage=new": -0.9, "stage=demo": 0.9}
    )


def test_a_number_enters_by_its_logarithm_alone_and_no_farther_than_six_units():
    inputs = learned({"attribute:size": 1e9, "attribute_log:size": 1.0})
    assert inputs.names == ["attribute_log:size"]
    assert inputs.centred({"attribute_log:size": 1e300}) == {"attribute_log:size": FARTHEST}


def test_what_there_is_no_room_for_is_ignored_and_counted():
    inputs = learned({"a": 1.0, "b": "x", "c": 1.0}, {"b": "y"}, {"a": 3.0}, max_features=2)
    assert sorted(inputs.names) == ["a", "b=x"]
    assert inputs.ignored == 2
    assert inputs.centred({"a": 3.0})["a"] == 1.0
