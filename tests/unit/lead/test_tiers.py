import pytest

from stream.lead.house import House
from stream.lead.tiers import tier_of

HOUSE = House(warm_at=60, hot_at=80, tier_margin=5)


@pytest.mark.parametrize(
    ("former", "scores"),
    [
        (None, {0: "cold", 59.99: "cold", 60: "warm", 79.99: "warm", 80: "hot", 100: "hot"}),
        ("cold", {59.99: "cold", 60: "warm", 80: "hot"}),
        ("warm", {54.99: "cold", 55: "warm", 79.99: "warm", 80: "hot"}),
        ("hot", {54.99: "cold", 55: "warm", 74.99: "warm", 75: "hot"}),
    ],
)
def test_a_tier_is_entered_at_its_score_and_left_the_margin_below(former, scores):
    assert {score: tier_of(score, former, HOUSE) for score in scores} == scores


def test_a_score_on_the_edge_does_not_flip_its_lead():
    tier, changes = "warm", 0
    for score in [79, 81, 78, 80, 76, 79.9] * 10:
        former, tier = tier, tier_of(score, tier, HOUSE)
        changes += tier != former
    assert (tier, changes) == ("hot", 1)
