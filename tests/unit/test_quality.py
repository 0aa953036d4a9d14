from random import Random

import pytest

from online_models import metrics
from stream.quality import ScoredLead, quality


def leads(n=200, seed=0):
    """Return leads of one to twelve scores that are right, some without an outcome."""
    rng, found = Random(seed), []
    for _ in range(n):
        p = [rng.random() for _ in range(rng.randint(1, 12))]
        won = None if rng.random() < 0.1 else rng.random() < p[-1]
        tier = "hot" if p[-1] > 0.7 else "warm" if p[-1] > 0.4 else "cold"
        found.append(ScoredLead(won, p, ["cold"] * (len(p) - 1) + [tier]))
    return found


def test_nothing_known_gives_no_figures():
    report = quality([ScoredLead(None, [0.5], ["cold"])])
    assert report["auc"] is report["brier"] is report["average_precision"] is None
    assert report["tiers"]["hot"] == {
        "leads": 0, "precision": None, "recall": None, "lift": None,
    }  # fmt: skip
    assert [fifth["scores"] for fifth in report["by_fifth"]] == [0] * 5


def test_last_scores_are_told_from_all():
    given = leads()
    decided = [lead for lead in given if lead.won is not None]
    report = quality(given)
    won, last = [lead.won for lead in decided], [lead.p[-1] for lead in decided]
    assert report["auc"] == round(metrics.auc(won, last), 4)
    assert report["auc"] > report["auc_events"] + 0.1


def test_tiers_share_out_all_leads_and_all_that_won():
    given = leads()
    tiers = quality(given)["tiers"]
    assert sum(tier["leads"] for tier in tiers.values()) == sum(x.won is not None for x in given)
    assert sum(tier["recall"] for tier in tiers.values()) == pytest.approx(1.0, abs=2e-4)
    assert tiers["hot"]["lift"] > 1.0 > tiers["cold"]["lift"]
    assert tiers["hot"]["precision"] > 0.7


def test_scores_are_shared_out_by_events_seen_and_by_fifths():
    given = leads()
    report = quality(given)
    decided = [lead for lead in given if lead.won is not None]
    scores = sum(len(lead.p) for lead in decided)
    assert sum(part["scores"] for part in report["by_events_seen"].values()) == scores
    assert sum(part["scores"] for part in report["by_fifth"]) == scores
    assert report["by_events_seen"]["1"]["scores"] == len(decided)
    assert report["auc_last_fifth"] == report["by_fifth"][-1]["auc"]


def test_the_first_fifth_is_not_asked_to_be_calibrated():
    wrong = [ScoredLead(True, [0.01], ["cold"])] * 20
    right = [ScoredLead(n % 4 == 0, [0.25], ["cold"]) for n in range(80)]
    report = quality([*wrong, *right])
    assert report["by_fifth"][0]["calibration_error"] == 0.99
    # Bins of equally many cut equal scores at will.
    assert report["calibration_error"] == report["calibration_error_first"] < 0.15
