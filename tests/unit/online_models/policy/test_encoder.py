import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.formats import ModelFormatError
from online_models.policy.encoder import FARTHEST, Encoder

values = st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans())


def test_numbers_are_told_in_deviations_from_their_mean():
    encoder, rng = Encoder(), Random(0)
    ages = [rng.gauss(40.0, 7.0) for _ in range(200)]
    for age in ages:
        encoder.observe({"age": age})
    [number], [value] = encoder.inputs_of({"age": 50.0})
    assert number == 0
    assert value == pytest.approx((50.0 - np.mean(ages)) / np.std(ages))


def test_what_a_lead_lacks_is_at_the_mean_or_none():
    encoder = Encoder()
    for age in (1.0, 3.0):
        encoder.observe({"age": age, "count:open": 2.0, "stage": "demo"})
    rows = np.array([encoder.row({}), encoder.row({"age": 3.0, "count:open": 0.5})])
    assert encoder.standardised(rows).tolist() == [[0.0, 0.0, 0.0], [1.0, 0.5, 0.0]]


def test_a_number_that_is_always_the_same_is_not_divided_by_nothing():
    encoder = Encoder()
    for _ in range(9):
        encoder.observe({"size": 5.0})
    assert encoder.inputs_of({"size": 5.5})[1] == [0.5]


def test_what_is_far_away_is_taken_as_less_far():
    encoder = Encoder()
    for age in (1.0, 3.0):
        encoder.observe({"age": age})
    assert encoder.inputs_of({"age": 1e300})[1] == [FARTHEST]
    assert encoder.inputs_of({"age": -math.inf})[1] == [-FARTHEST]


def test_one_whose_logarithm_stands_beside_it_is_left_to_that():
    encoder = Encoder()
    encoder.observe({"attribute:size": 5.0, "attribute_log:size": 1.6})
    assert encoder.state()["names"] == ["attribute_log:size"]


def test_means_move_by_what_is_learned_of_only():
    encoder = Encoder()
    encoder.observe({"age": 1.0})
    before = encoder.state()["moments"]
    encoder.row({"age": 9.0})
    encoder.inputs_of({"age": 9.0})
    assert encoder.state()["moments"] == before


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "count:c"]), values), max_size=20))
def test_whatever_comes_inputs_are_bounded_numbers_alike_for_one_and_for_many(leads):
    encoder = Encoder(max_inputs=4)
    for lead in leads:
        encoder.observe(lead)
    assert len(encoder) <= 4
    for lead in leads:
        row = encoder.standardised(np.array([encoder.row(lead)]))[0]
        alone = np.zeros(len(encoder))
        numbers, found = encoder.inputs_of(lead)
        alone[numbers] = found
        assert (np.abs(alone) <= FARTHEST).all()
        # Rows are kept in single precision.
        centre = max((abs(m[1]) for m in encoder.state()["moments"].values()), default=0.0)
        if centre < 1e3:
            assert row == pytest.approx(alone, abs=0.05)
    restored = Encoder.restore(encoder.state(), 4)
    assert restored.state() == encoder.state()
    assert [restored.inputs_of(lead) for lead in leads] == [encoder.inputs_of(x) for x in leads]


@pytest.mark.parametrize(
    "broken",
    [{"names": ["a", "a"]}, {"names": []}, {"names": [str(n) for n in range(9)]}],
)
def test_a_state_that_does_not_fit_is_refused(broken):
    encoder = Encoder()
    encoder.observe({"a": 1.0})
    with pytest.raises(ModelFormatError):
        Encoder.restore(encoder.state() | broken, max_inputs=8)
