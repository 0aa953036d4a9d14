"""Refitting points on the simulator: what is wrong by design moves, what is shuffled does not."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stream.event_files import topic_of
from stream.followed_leads import FollowedLeads
from stream.lead.house import DAY_S
from stream.lead.point_rules import parse_point_rules
from stream.refit import labelled, propose
from stream.rules_file import read_rules
from stream.settings import DEFAULT_RULES, Settings
from stream.simulator import Simulation

START = datetime(2026, 1, 5, tzinfo=UTC)
EVENTS = 20_000
HORIZON_S = 21 * DAY_S

TEXT = read_rules(DEFAULT_RULES)
WRONG = TEXT.replace('"careers_page"\npoints = -10', '"careers_page"\npoints = 40')
"""Nobody who looks for a job buys, so this rule points the wrong way."""


@pytest.fixture(scope="module")
def rows_and_house():
    house = replace(Settings().house(), points=parse_point_rules(WRONG))
    leads = FollowedLeads(house, b"a key for tests", START.timestamp() + 365 * DAY_S)
    events = Simulation(events=EVENTS, seed=1, start=START)
    leads.take_in((topic_of(event.value), event.value) for event in events)
    return labelled(leads, HORIZON_S, seed=0), house


def proposed(rows, house):
    return propose(rows, 0, house, house.points, WRONG, "rules.toml", HORIZON_S)


def test_a_rule_that_points_the_wrong_way_is_moved(rows_and_house, capsys):
    assert WRONG != TEXT
    proposal = proposed(*rows_and_house)
    with capsys.disabled():
        print("\n" + proposal.text())
    rule = next(rule for rule in proposal.scorecard.rules if rule.name == "careers_page")
    assert rule.proposed <= 10
    assert proposal.scorecard.gain > 0.0


def test_shuffled_outcomes_propose_nothing(rows_and_house):
    rows, house = rows_and_house
    for seed in range(30):
        won = [row.won for row in rows]
        random.Random(seed).shuffle(won)
        shuffled = [replace(row, won=y) for row, y in zip(rows, won, strict=True)]
        assert proposed(shuffled, house).is_empty
