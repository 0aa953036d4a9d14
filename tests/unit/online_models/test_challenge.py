"""A challenger wins by being better, not by being looked at often."""

import math
from random import Random

import pytest

from online_models.challenge import LEAST, WINDOW, Challenge, loss_of


def played(seed: int, better_by: float, examples: int) -> int | None:
    """Return after how many examples a challenger wins; each loses about half a nat."""
    rng, challenge = Random(seed), Challenge()
    for n in range(examples):
        challenge.add(rng.expovariate(2.0), rng.expovariate(2.0) - better_by)
        if challenge.is_won:
            return n + 1
    return None


def test_an_equal_challenger_hardly_ever_wins_though_it_is_looked_at_after_each_example():
    assert sum(played(seed, 0.0, 5_000) is not None for seed in range(100)) <= 5


def test_a_better_challenger_wins_soon():
    wins = [played(seed, 0.1, 5_000) for seed in range(20)]
    assert all(wins)
    assert sorted(win or 0 for win in wins)[10] < 2_500


def test_a_worse_challenger_never_wins():
    assert not any(played(seed, -0.1, 5_000) for seed in range(20))


def test_nobody_wins_before_enough_examples_however_large_the_difference():
    assert played(0, 2.0, 5_000) == LEAST


def test_what_was_long_ago_decides_nothing():
    challenge = Challenge()
    for _ in range(WINDOW):
        challenge.add(0.7, 0.5)
    challenge.add(0.5, 0.7)
    assert challenge.advantage == pytest.approx(-0.2)
    assert challenge.least_advantage == -math.inf


def test_it_goes_on_from_its_checkpoint():
    one, rng = Challenge(), Random(1)
    for _ in range(700):
        one.add(rng.random(), rng.random())
    other = Challenge.restore(one.checkpoint())
    for challenge in (one, other):
        challenge.add(0.9, 0.1)
    assert one.checkpoint() == other.checkpoint()


@pytest.mark.parametrize(("y", "p"), [(True, 0.0), (False, 1.0), (True, 1e-300)])
def test_a_sure_and_wrong_prediction_loses_a_bounded_amount(y, p):
    assert loss_of(y, p) == 5.0
