import math
from random import Random

import pytest

from stream.lead.house import House
from stream.lead.scoring import COLD_VERSION, MAX_REASONS, expit, logit, reasons_of, score_one

HOUSE = House(base_rate_prior=0.02, points_to_double_odds=20.0, prior_strength=20.0)


class Fixed:
    model, version = "p_convert", "7"

    def __init__(self, positives, negatives, intercept=0.0, contributions=None, variance=0.0):
        self.positives, self.negatives = positives, negatives
        self.intercept, self.contributions = intercept, contributions or {}
        self.variance = variance

    def explain_one(self, x):  # noqa: ARG002 - the protocol's
        return self.intercept, self.contributions, self.variance


def scored_with(points=None, scorer=None):
    return score_one({}, points or {}, scorer, HOUSE)


def total(scored):
    return math.fsum(r["contribution"] for r in reasons_of(scored))


@pytest.mark.parametrize("seed", range(40))
def test_reasons_sum_to_the_log_odds_of_p_convert(seed):
    rng = Random(seed)
    learned = {f"f{i}": rng.gauss(0, 1.5) for i in range(rng.randrange(0, 30))}
    points = {f"r{i}": rng.uniform(-40, 40) for i in range(rng.randrange(0, 5))}
    scorer = Fixed(rng.randrange(0, 500), rng.randrange(0, 500), rng.gauss(-2, 1), learned)
    scored = scored_with(points, rng.choice([None, scorer]))
    assert total(scored) == pytest.approx(scored.log_odds, abs=1e-9)
    if abs(scored.log_odds) < 12:  # beyond, a float's 1 - p has not the digits to tell
        assert total(scored) == pytest.approx(logit(scored.p_convert), abs=1e-9)
    assert len(reasons_of(scored)) <= MAX_REASONS + 2
    assert 0 <= scored.p_low <= scored.p_convert <= scored.p_high <= 1


@pytest.mark.parametrize("huge", [900.0, -900.0])
def test_reasons_sum_even_where_the_log_odds_are_bounded(huge):
    scored = scored_with({}, Fixed(99, 99, 0.0, {"a": huge}))
    assert 0 < scored.p_convert < 1
    assert total(scored) == pytest.approx(scored.log_odds, abs=1e-9)


def test_the_strongest_reasons_come_first_and_nothing_is_named_for_nothing():
    scored = scored_with({"a": 5.0, "b": -60.0, "c": 0.0})
    assert [r["feature"] for r in reasons_of(scored)] == ["points:b", "points:a", "baseline"]


@pytest.mark.parametrize("prior", [0.001, 0.02, 0.5])
@pytest.mark.parametrize("labels", [(0, 0), (10, 990), (400, 100)])
def test_a_lead_at_the_base_rate_scores_50(prior, labels):
    house = House(base_rate_prior=prior)
    believed = house.prior_strength
    base = (labels[0] + believed * prior) / (sum(labels) + believed)
    weight = min(labels) / (min(labels) + believed)
    intercept = (logit(base) - (1 - weight) * logit(prior)) / weight if weight else 0.0
    assert score_one({}, {}, Fixed(*labels, intercept), house).score == 50.0


def test_the_score_grows_with_p_convert():
    scored = [scored_with({"r": points}) for points in range(-300, 300, 7)]
    assert [s.p_convert for s in scored] == sorted(s.p_convert for s in scored)
    assert [s.score for s in scored] == sorted(s.score for s in scored)
    assert scored[-1].score - scored[0].score > 99


def test_four_times_the_odds_of_the_base_rate_score_80():
    assert scored_with({"r": 40.0}).score == pytest.approx(80.0, abs=0.01)


def test_without_a_model_the_rules_score_and_say_so():
    scored = scored_with({"r": 20.0})
    assert (scored.model_weight, scored.version) == (0.0, COLD_VERSION)
    assert scored.log_odds == pytest.approx(logit(0.02) + math.log(2))


@pytest.mark.parametrize("labels", [(0, 5_000), (70, 0)])
def test_a_model_that_saw_one_class_only_weighs_nothing(labels):
    scored = scored_with({"r": 20.0}, Fixed(*labels, 5.0, {"a": 3.0}))
    assert (scored.model_weight, scored.version) == (0.0, "7")
    assert "a" not in scored.contributions


def test_the_model_takes_over_as_labels_of_the_rarer_kind_come_in():
    weights = [scored_with({}, Fixed(n, 9_999)).model_weight for n in (0, 5, 20, 200, 5_000)]
    assert weights == sorted(weights)
    assert weights[2] == 0.5
    assert weights[-1] > 0.99


def test_the_interval_narrows_with_labels():
    wide, narrow = (scored_with({}, Fixed(n, n * 9, -2.0)) for n in (5, 5_000))
    assert narrow.p_high - narrow.p_low < wide.p_high - wide.p_low


def test_expit_undoes_logit_and_never_overflows():
    assert expit(logit(0.3)) == pytest.approx(0.3)
    assert (expit(-1e4), expit(1e4)) == (0.0, 1.0)


def test_the_interval_is_wide_where_the_model_knows_little_of_a_lead():
    known, strange = (scored_with(scorer=Fixed(900, 900, variance=v)) for v in (0.01, 1.0))
    assert known.p_convert == strange.p_convert
    assert strange.p_high - strange.p_low > 3 * (known.p_high - known.p_low)
    assert strange.p_low < strange.p_convert < strange.p_high
