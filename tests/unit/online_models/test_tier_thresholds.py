import numpy as np
import pytest

from online_models.tier_thresholds import refit_threshold


def leads(count=6_000, seed=0):
    """Draw leads that win with odds as their score says, on a base rate of about a tenth."""
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.normal(45, 20, count), 1, 99)
    p = 1 / (1 + np.exp(2.6 - np.log(scores / (100 - scores))))
    return scores, rng.random(count) < p


def test_a_tier_that_promises_too_much_begins_later():
    scores, won = leads()
    threshold = refit_threshold(scores, won, present=30, lift=3.0)
    assert threshold.now.high < threshold.target
    assert threshold.proposed > 60
    assert threshold.then.precision >= threshold.target
    assert "less often than it promises" in threshold.reason


def test_a_tier_that_leaves_out_many_of_its_kind_begins_earlier():
    scores, won = leads()
    threshold = refit_threshold(scores, won, present=95, lift=2.0)
    assert threshold.proposed < 85
    assert threshold.then.low >= threshold.target
    assert threshold.then.leads > 2 * threshold.now.leads


def test_what_holds_its_promise_stays():
    scores, won = leads()
    moved = refit_threshold(scores, won, present=30, lift=3.0)
    again = refit_threshold(scores, won, present=moved.proposed, lift=3.0)
    assert again.proposed == moved.proposed


def test_too_few_outcomes_move_nothing():
    scores, won = leads(60)
    assert "too few" in refit_threshold(scores, won, present=60, lift=3.0).reason
    assert refit_threshold([], [], present=60, lift=3.0).proposed == 60


def test_shuffled_outcomes_move_nothing():
    scores, won = leads()
    rng = np.random.default_rng(1)
    for _ in range(30):
        threshold = refit_threshold(scores, rng.permutation(won), present=60, lift=3.0)
        assert threshold.proposed == 60
        assert "no higher score would do" in threshold.reason


def test_a_tier_ends_where_the_next_begins():
    scores, won = leads()
    threshold = refit_threshold(scores, won, present=40, lift=1.0, below=60)
    inside = (scores >= 40) & (scores < 60)
    assert threshold.now.leads == inside.sum()
    assert threshold.now.won == won[inside].sum()


@pytest.mark.parametrize("outcome", [True, False])
def test_leads_that_all_end_alike_move_nothing(outcome):
    threshold = refit_threshold(np.arange(500) % 100, [outcome] * 500, present=60, lift=3.0)
    assert threshold.proposed == 60
