"""Learning while selling: what policies are told of their decisions, and on which leads."""

from itertools import pairwise

import pytest

from online_models.policy.catalogue import KINDS, build_policy
from online_models.policy.protocol import Choice
from stream.simulator.pipeline_policies import RulesPolicy
from stream.simulator.regret import LearningPolicy, rewards_by_lead
from stream.simulator.world import WorldParameters

WORLD = WorldParameters()


class Recording:
    """Acts as the first candidate would, and keeps what it is taught."""

    def __init__(self):
        self.told = []

    def act(self, state, candidates, rng):  # noqa: ARG002
        rng.random()
        return Choice(candidates[0], {candidate: 1 / len(candidates) for candidate in candidates})

    def learn(self, transition):
        self.told.append(transition)


def lived(*, looks_ahead, window_decisions=8, leads=1, seed=2):
    recording = Recording()
    policy = LearningPolicy(recording, looks_ahead=looks_ahead, window_decisions=window_decisions)
    return rewards_by_lead(policy, WORLD, seed=seed, leads=leads), recording.told


def test_one_that_looks_ahead_is_told_each_reward_once_and_what_came_next():
    rewards, told = lived(looks_ahead=True)
    assert sum(transition.reward for transition in told) == pytest.approx(sum(rewards))
    assert len(told) > 1
    for transition, following in pairwise(told):
        assert transition.next_state == following.state
        assert transition.next_candidates
    assert told[-1].next_state is None
    assert told[-1].next_candidates == ()


def test_any_other_is_told_the_rewards_of_its_window():
    _, single = lived(looks_ahead=True)
    _, told = lived(looks_ahead=False, window_decisions=3)
    for number, transition in enumerate(told):
        window = single[number : number + 3]
        assert transition.reward == pytest.approx(sum(one.reward for one in window))
        assert transition.next_state is None


def test_all_policies_meet_the_same_leads():
    rewards, _ = lived(looks_ahead=True, leads=30)
    again, _ = lived(looks_ahead=False, leads=30)
    assert rewards == again
    assert rewards_by_lead(RulesPolicy(), WORLD, seed=2, leads=30) != rewards


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"beta_thompson"}))
def test_every_kind_learns_from_leads(kind):
    parameters = {} if kind == "rules" else {"epsilon": 0.1}
    policy = build_policy(kind, **parameters)
    before = policy.checkpoint()
    learning = LearningPolicy(policy, looks_ahead=KINDS[kind].looks_ahead)
    assert len(rewards_by_lead(learning, WORLD, seed=4, leads=2)) == 2
    assert (policy.checkpoint() == before) == (kind == "rules")
