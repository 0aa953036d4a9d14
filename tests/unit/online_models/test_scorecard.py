import numpy as np
import pytest

from online_models.scorecard import refit_points

NAMES = ["pricing", "demo", "careers", "rare"]
PRESENT = [20.0, 40.0, 40.0, 25.0]
TRUE = np.array([20.0, 40.0, -20.0, 25.0])
"""The third rule's points are wrong by design."""


def leads(seed=0, count=4_000, true=TRUE):
    rng = np.random.default_rng(seed)
    units = (rng.random((count, 4)) < [0.4, 0.2, 0.3, 0.002]) * rng.uniform(0.5, 1, (count, 4))
    log_odds = -2.0 + units @ true * np.log(2) / 20.0
    return units, rng.random(count) < 1 / (1 + np.exp(-log_odds))


def refit(units, won, present=PRESENT):
    card = refit_points(units, list(won), NAMES, present, 20.0)
    return card, {rule.name: rule for rule in card.rules}


def test_a_rule_whose_points_are_wrong_moves_to_its_worth_and_the_others_stay():
    card, rules = refit(*leads())
    assert rules["careers"].proposed == pytest.approx(-20.0, abs=8.0)
    assert rules["careers"].low < -20.0 < rules["careers"].high
    assert rules["careers"].proposed == int(rules["careers"].proposed)
    for name in ("pricing", "demo"):
        assert rules[name].proposed == rules[name].present
        assert "agree" in rules[name].kept
    assert card.gain > 0.0


def test_a_rule_with_too_few_outcomes_stays_and_says_so():
    _, rules = refit(*leads())
    assert rules["rare"].proposed == 25.0
    assert rules["rare"].low is None
    assert "too few outcomes" in rules["rare"].kept


def test_points_that_are_right_are_left_alone():
    changed = 0
    for seed in range(40):
        card, _ = refit(*leads(seed, 1_500), present=list(TRUE))
        changed += any(not rule.kept for rule in card.rules)
    assert changed <= 6  # 5 % of 40, give or take; the gain on others' leads holds back more


def test_shuffled_outcomes_change_nothing():
    units, won = leads()
    rng = np.random.default_rng(1)
    for _ in range(20):
        card, rules = refit(units, rng.permutation(won))
        assert all(rule.proposed == rule.present for rule in card.rules)
        assert "say nothing of who wins" in rules["careers"].kept


def test_a_sign_changes_by_strong_evidence_only():
    true = np.array([20.0, 40.0, -12.0, 25.0])
    _, few = refit(*leads(2, 1_200, true))
    _, many = refit(*leads(2, 40_000, true))
    assert few["careers"].fitted < 0.0
    assert few["careers"].proposed == 1.0
    assert many["careers"].proposed == pytest.approx(-12.0, abs=3.0)


def test_little_evidence_moves_points_less_than_much():
    few, many = (refit(*leads(5, count))[1]["careers"].fitted for count in (300, 30_000))
    assert few > many
    assert many == pytest.approx(-20.0, abs=3.0)


def test_a_rule_of_no_points_cannot_be_weighed():
    units, won = leads()
    units[:, 0] = 0.0
    _, rules = refit(units, won, [0.0, *PRESENT[1:]])
    assert "0 points" in rules["pricing"].kept


@pytest.mark.parametrize("count", [0, 1, 30])
def test_hardly_any_leads_change_nothing(count):
    units, won = leads(count=max(count, 1))
    card, _ = refit(units[:count], won[:count])
    assert "longer log" in card.refused
    assert all(rule.proposed == rule.present for rule in card.rules)
