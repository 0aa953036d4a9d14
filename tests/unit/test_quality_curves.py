from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models import metrics
from stream.quality import ScoredLead
from stream.quality_curves import (
    auc_interval,
    auc_over_time,
    gains,
    reliability,
    settled,
    wilson,
)


def leads(n=400, seed=0, scores=3):
    """Return leads whose scores are calibrated, some of them undecided."""
    rng, found = Random(seed), []
    for _ in range(n):
        p = rng.random()
        won = None if rng.random() < 0.1 else rng.random() < p
        found.append(ScoredLead(won, [p] * rng.randint(1, scores), ["cold"]))
    return found


@given(st.integers(1, 1_000), st.floats(0, 1))
def test_a_wilson_interval_holds_the_share_and_stays_a_share(trials, share):
    low, high = wilson(share * trials, trials)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0


def test_bins_hold_equally_many_scores_of_the_leads_that_count():
    found = leads()
    bins = reliability(found)
    assert len(bins) == 10
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    inside = sum(one.low <= one.predicted <= one.high for one in bins)
    assert inside >= 8  # calibrated as they are
    won = [lead.won for lead in settled(found) for _ in lead.p]
    assert sum(one.won for one in bins) / 10 == pytest.approx(sum(won) / len(won), abs=0.01)


def test_an_interval_counts_leads_not_scores():
    once = [ScoredLead(n % 2 == 0, [0.5], ["cold"]) for n in range(50)]
    often = [ScoredLead(lead.won, lead.p * 30, ["cold"]) for lead in once]
    assert reliability(often, bins=1) == reliability(once, bins=1)


def test_equal_scores_are_one_bin():
    same = [ScoredLead(n % 3 == 0, [0.05], ["cold"]) for n in range(90)]
    assert [one.predicted for one in reliability(same)] == [pytest.approx(0.05)]
    assert reliability([ScoredLead(None, [0.5], ["cold"])]) == []


def test_gains_go_from_nothing_to_all_and_best_first():
    curve = gains([ScoredLead(won, [p], ["cold"]) for won, p in
                   [(True, 0.9), (True, 0.8), (False, 0.7), (False, 0.6)]])  # fmt: skip
    assert curve is not None
    assert [curve.at(share) for share in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert gains([ScoredLead(False, [0.1], ["cold"])]) is None


def test_leads_of_equal_scores_come_in_the_order_of_chance():
    curve = gains([ScoredLead(n == 0, [0.5], ["cold"]) for n in range(10)])
    assert curve is not None
    assert curve.at(0.2) == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(5))
def test_the_auc_is_that_of_all_scores(seed):
    found = [lead for lead in leads(80, seed) if lead.won is not None]
    auc, low, high = auc_interval(found)
    pairs = [(lead.won, p) for lead in found for p in lead.p]
    assert auc == pytest.approx(metrics.auc([y for y, _ in pairs], [p for _, p in pairs]))
    assert low < auc < high


def test_the_interval_of_an_auc_holds_the_truth_as_often_as_it_says():
    """AUC of calibrated scores, uniform from 0 to 1: 5 / 6."""
    held = 0
    for seed in range(200):
        _, low, high = auc_interval([x for x in leads(150, seed) if x.won is not None])
        held += low <= 5 / 6 <= high
    assert 180 <= held <= 199


def test_a_time_without_won_leads_has_no_auc():
    lost = [ScoredLead(False, [0.5], ["cold"])] * 10
    stretches = auc_over_time([*lost, *leads(90)], [float(n) for n in range(100)])
    assert len(stretches) == 9
    assert stretches[0].at_s == 15.0
