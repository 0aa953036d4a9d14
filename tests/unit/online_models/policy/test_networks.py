import math
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from online_models.formats import ModelFormatError, ModelLibraryError
from online_models.policy.arrays import packed, unpacked
from online_models.policy.networks import Adam, Network, slope_of
from online_models.policy.policy_losses import (
    clipped_ratio_loss,
    huber_slope,
    log_probability_loss,
    one_hot,
    shares,
    standardised,
)


@pytest.fixture
def network():
    found = Network([6, 5], outputs=3, seed=1)
    found.grow(4)
    found.weights += np.random.default_rng(0).normal(0.0, 0.3, found.weights.size)
    return found


@pytest.fixture
def x():
    return np.random.default_rng(2).normal(size=(7, 4))


def numeric(network, loss, x):
    """Return the gradient of a loss of the outputs by central differences."""
    found = np.zeros_like(network.weights)
    for place in range(network.weights.size):
        kept, at = network.weights[place], []
        for nudge in (1e-6, -1e-6):
            network.weights[place] = kept + nudge
            at.append(loss(network.outputs_of(x)))
        network.weights[place] = kept
        found[place] = (at[0] - at[1]) / 2e-6
    return found


ALLOWED = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0], [1, 1, 0]])
PLACES = np.array([0, 1, 2, 2, 1, 1, 0], np.int32)
FACTS = {"taken": one_hot(PLACES, 3), "allowed": ALLOWED.astype(float), "epsilon": 0.1}


@pytest.mark.parametrize(
    ("loss", "facts"),
    [
        (log_probability_loss, {"worth": np.array([1.0, -2.0, 0.5, 3.0, -1.0, 1.0, 0.0])}),
        (
            clipped_ratio_loss,
            {
                "before": np.array([0.5, 0.3, 0.9, 0.4, 0.35, 1.0, 0.05]),
                "advantages": np.array([1.0, -2.0, 0.5, 3.0, -1.0, 1.0, 2.0]),
                "clip": 0.2,
                "entropy": 0.05,
            },
        ),
    ],
)
def test_gradients_of_policies_are_those_of_their_losses(network, x, loss, facts):
    facts |= FACTS
    found = network.gradient(partial(slope_of(loss), **facts), x)
    assert found == pytest.approx(numeric(network, partial(loss, np, **facts), x), abs=1e-7)
    assert np.abs(found).max() > 0.01


def test_the_gradient_of_values_is_that_of_the_huber_loss(network, x):
    targets = np.array([0.0, 5.0, -5.0, 0.3, 0.1, 2.0, -0.2])

    def loss(values):
        apart = np.abs(values[np.arange(7), PLACES] - targets)
        return np.where(apart < 1.0, 0.5 * apart**2, apart - 0.5).mean()

    found = network.gradient(partial(huber_slope, places=PLACES, targets=targets), x)
    assert found == pytest.approx(numeric(network, loss, x), abs=1e-7)


def test_probabilities_are_those_that_are_drawn_with(network, x):
    found = shares(np, 1e3 * network.outputs_of(x), FACTS["allowed"], 0.1)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert (found[ALLOWED == 0] == 0.0).all()
    assert (found >= 0.1 / 3 * ALLOWED * (1 - 1e-9)).all()


def test_a_ratio_far_from_one_is_not_pushed_on():
    outputs = np.zeros((2, 2))
    facts = {
        "taken": one_hot(np.array([0, 0], np.int32), 2),
        "allowed": np.ones((2, 2)),
        "epsilon": 0.01,
        "before": np.array([0.25, 0.5]),  # now it is 0.5: ratios are 2 and 1
        "advantages": np.ones(2),
        "clip": 0.2,
        "entropy": 0.0,
    }
    slope = slope_of(clipped_ratio_loss)(outputs, **facts)
    assert slope[0].tolist() == [0.0, 0.0]
    assert slope[1, 0] < 0.0 < slope[1, 1]


def test_one_lead_has_the_outputs_that_it_has_in_a_batch(network, x):
    sparse = x.copy()
    sparse[:, 1] = 0.0
    for row, outputs in zip(sparse, network.outputs_of(sparse), strict=True):
        one = network.outputs_of_one([0, 2, 3], row[[0, 2, 3]].tolist(), [2, 0])
        assert one == pytest.approx(outputs[[2, 0]].tolist(), abs=1e-12)


def test_new_inputs_change_nothing_of_what_was_learned(network, x):
    before = network.outputs_of(x)
    network.grow(9)
    wider = np.hstack((x, np.zeros((7, 5))))
    assert network.outputs_of(wider) == pytest.approx(before, abs=1e-12)
    at_once = Network([6, 5], outputs=3, seed=1)
    at_once.grow(9)
    assert at_once.weights[-30:].tolist() == network.weights[-30:].tolist()


def test_adam_finds_a_minimum_and_does_not_mind_a_long_gradient():
    network, adam = Network([1], outputs=1, seed=0), Adam(learning_rate=0.05)
    aim = np.array([0.3, -0.7, 0.2])
    for _ in range(400):
        adam.move(network, 1e12 * (network.weights - aim))
    assert network.weights == pytest.approx(aim, abs=0.01)


def test_adam_makes_the_steps_of_its_authors():
    """Kingma and Ba 2015, algorithm 1, by hand: two steps along gradients 0.5 and 0.1."""
    network, adam = Network([1], outputs=1, seed=0), Adam(learning_rate=0.1)
    first = second = 0.0
    at = network.weights.copy()
    for step, slope in enumerate((0.5, 0.1), 1):
        adam.move(network, np.full(3, slope))
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        at -= 0.1 * (first / (1 - 0.9**step)) / (math.sqrt(second / (1 - 0.999**step)) + 1e-8)
        assert network.weights == pytest.approx(at, abs=1e-12)


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e30])
def test_weights_that_cannot_be_are_refused(network, number):
    spoiled = network.weights.copy()
    spoiled[5] = number
    with pytest.raises(ModelFormatError):
        network.set_stored(packed(spoiled))


def test_an_array_of_another_size_is_refused():
    for text in ("", "no base64", packed(np.zeros(3)), packed(np.zeros(5)), "AAAA", "AA=="):
        with pytest.raises(ModelFormatError):
            unpacked(text, (2, 2))


IN_ANOTHER_PROCESS = """
import hashlib, numpy as np
from online_models.policy.networks import Network
for outputs in (1, 32):
    network = Network([64, 64], outputs, seed=0)
    network.grow(20)
    rng = np.random.default_rng(0)
    network.weights += rng.normal(0.0, 0.3, network.weights.size)
    x = rng.normal(size=(3_001, 20))
    found = network.gradient(lambda outputs: outputs * outputs, x)
    print(hashlib.sha256(found.tobytes()).hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    found = {
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1


def test_learning_without_autograd_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", None)
    with pytest.raises(ModelLibraryError, match=r"pip install leadstream\[neural\]"):
        slope_of(log_probability_loss)


def test_advantages_that_are_alike_say_nothing():
    assert standardised(np.full(3, 7.0)).tolist() == [0.0, 0.0, 0.0]
