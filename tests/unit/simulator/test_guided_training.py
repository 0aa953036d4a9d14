"""Training by a guide: repeatable, servable as any deep Q-network."""

from random import Random

import numpy as np
import pytest

from online_models.policy.catalogue import build_acting
from stream.simulator.guided_training import trained_policy
from stream.simulator.observation import OBSERVATION_NAMES, observe
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_oracle import OraclePolicy
from stream.simulator.pipeline_policies import (
    CONTACTS,
    TrainedPolicy,
    contact_worth,
)
from stream.simulator.sight import CANDIDATES, Sight
from stream.simulator.world import NOTHING, WorldParameters

WORLD = WorldParameters()


@pytest.fixture(scope="module")
def acting():
    return trained_policy(WORLD, leads=300, rounds=2, seed=5, processes=2)


def prospects(count):
    pipeline, rng = Pipeline(WORLD), Random(3)
    return [pipeline.named_lead(rng) for _ in range(count)]


def test_the_same_seed_trains_the_same_policy_whatever_the_number_of_processes():
    once, again = (
        trained_policy(WORLD, leads=40, rounds=2, seed=7, processes=processes)
        for processes in (1, 2)
    )
    assert once.snapshot() == again.snapshot()


def test_its_snapshot_acts_as_a_deep_q_network(acting):
    served = build_acting("dqn", acting.snapshot(), epsilon=0.05)
    for prospect in prospects(50):
        state = dict(zip(OBSERVATION_NAMES, observe(prospect), strict=True))
        [worth] = contact_worth(acting, np.array([observe(prospect)], np.float32)).tolist()
        probabilities = served.act(state, CANDIDATES, Random(1)).probabilities
        expected = CONTACTS[int(np.argmax(worth))] if max(worth) > 0.0 else NOTHING
        assert max(probabilities, key=probabilities.__getitem__) == CANDIDATES[expected]


def test_it_proposes_what_gains_most_and_nothing_below_its_price(acting):
    proposed = set()
    for prospect in prospects(200):
        [worth] = contact_worth(acting, np.array([observe(prospect)], np.float32)).tolist()
        proposal = TrainedPolicy(acting, price=0.001).propose(Sight(prospect), Random(0))
        if proposal.action == NOTHING:
            assert max(worth) <= 0.1
        else:
            assert proposal.priority == max(worth) == worth[proposal.action - 1] > 0.1
        proposed.add(proposal.action == NOTHING)
        assert TrainedPolicy(acting, price=9.0).propose(Sight(prospect), Random(0)).action == 0
    assert proposed == {True, False}


def test_the_guide_gains_nothing_from_leads_that_are_elsewhere():
    guide = OraclePolicy(WORLD, reach={})
    [prospect] = prospects(1)
    prospect.hidden.is_elsewhere = True
    assert all(gain < 0.0 for gain in guide.gains(prospect))


@pytest.mark.parametrize(("leads", "rounds"), [(9, 1), (100, 0), (30, 4)])
def test_too_few_leads_are_refused(leads, rounds):
    with pytest.raises(ValueError, match=f"leads={leads}, rounds={rounds}: give 10 leads"):
        trained_policy(WORLD, leads=leads, rounds=rounds)
