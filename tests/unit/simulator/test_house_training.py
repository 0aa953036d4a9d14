"""Training by a guide in leadstream's own decisions: repeatable, servable, better informed."""

from random import Random

import numpy as np
import pytest
from simulated_actions import catalogue

from online_models.policy.catalogue import build_acting
from stream.lead.actions import default_catalogue, parse_catalogue
from stream.lead.house import House
from stream.simulator.gain_network import gain_network
from stream.simulator.house_comparison import compare
from stream.simulator.house_training import (
    LikenessError,
    candidate_names,
    checked_likeness,
    portable,
    train,
)
from stream.simulator.world import WorldParameters

HOUSE = House(catalogue=catalogue(), exploration_ratio=0.1)
LIKENESS = checked_likeness(HOUSE.catalogue, {})
WORLD = WorldParameters()


def trained(processes):
    return train(HOUSE, WORLD, LIKENESS, leads=60, rounds=2, seed=5, processes=processes)


@pytest.fixture(scope="module")
def policy():
    return trained(2)


def test_the_same_seed_trains_the_same_policy_whatever_the_number_of_processes(policy):
    assert policy.acting.snapshot() == trained(1).acting.snapshot()


def test_it_acts_on_leadstreams_features_and_candidates(policy):
    inputs = policy.acting.snapshot()["inputs"]["names"]
    assert {"score", "log_odds", "rule=absence", "contacts"} < set(inputs)
    assert policy.acting.snapshot()["actions"] == list(candidate_names(HOUSE.catalogue))
    assert "content:social_proof" in candidate_names(HOUSE.catalogue)
    served = build_acting("dqn", policy.acting.snapshot(), epsilon=0.1)
    choice = served.act({"rule": "absence", "score": 0.4}, ["content", "nothing"], Random(1))
    assert set(choice.probabilities) == {"content", "nothing"}


def test_nothing_is_worth_nothing(policy):
    place = policy.acting.actions["nothing"]
    x = policy.acting.encoder.standardised(np.ones((3, len(policy.acting.encoder)), np.float32))
    assert policy.acting.network.outputs_of(x)[:, place].tolist() == [0.0, 0.0, 0.0]


def test_rules_and_policy_meet_the_same_leads(policy):
    found = compare(HOUSE, WORLD, LIKENESS, policy.acting.snapshot(), leads=20, seed=1, processes=1)
    assert found.leads == 20
    assert found.apart == pytest.approx(found.policy - found.rules)
    assert found.error > 0.0
    with pytest.raises(ValueError, match="leads=1: give 2"):
        compare(HOUSE, WORLD, LIKENESS, policy.acting.snapshot(), leads=1, seed=1)


def test_framings_gain_what_their_action_does_and_what_is_like_nothing_gains_none():
    gains = np.array([[np.nan, 2.0, 2.0], [np.nan, -2.0, -2.0]] * 3_000, np.float32)
    x = [{"rule": "absence"}, {"rule": "tier_rose"}] * 3_000
    acting = gain_network(x, gains, ["nothing", "content", "content:loss"], 0, 0.1)
    states = np.array([acting.encoder.row(one) for one in x[:2]], np.float32)
    values = acting.network.outputs_of(acting.encoder.standardised(states))
    assert values[:, 0].tolist() == [0.0, 0.0]
    assert values[:, 1:] == pytest.approx(np.array([[2.0, 2.0], [-2.0, -2.0]]), abs=0.1)


def test_secrets_of_a_house_stay_in_the_process():
    values = portable(HOUSE)
    assert not {"sealer", "erasure_key"} & values.keys()
    again = House(**values)
    assert (again.catalogue, again.opt_in) == (HOUSE.catalogue, HOUSE.opt_in)


def test_an_action_that_is_like_none_is_refused():
    with pytest.raises(LikenessError, match="does not know sales_alert, nurture_email, win_back"):
        checked_likeness(default_catalogue(), {})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fax": "call"}, "'fax' is no action of the catalogue: call, "),
        ({"call": "fax"}, "call is to be like 'fax': the simulator knows nothing, content"),
    ],
)
def test_a_likeness_that_is_none_is_refused(given, message):
    with pytest.raises(LikenessError, match=message):
        checked_likeness(catalogue(), given)


@pytest.mark.parametrize(("leads", "rounds"), [(19, 2), (100, 1)])
def test_too_few_leads_or_rounds_are_refused(leads, rounds):
    with pytest.raises(ValueError, match=f"leads={leads}, rounds={rounds}: give 2 rounds"):
        train(HOUSE, WORLD, LIKENESS, leads=leads, rounds=rounds)


def test_a_house_that_never_decides_cannot_train_one():
    text = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
eligible.stages = ["never"]
"""
    house = House(catalogue=parse_catalogue(text))
    with pytest.raises(ValueError, match="nothing was ever to be decided"):
        train(house, WORLD, {"call": "call"}, leads=20, rounds=2, processes=1)
