from random import Random

import pytest

from online_models.policy.bandits import Uniform
from stream.simulator.cohort import evaluate_policy
from stream.simulator.pipeline_policies import (
    ActingPolicy,
    RandomPolicy,
    RulesPolicy,
    tuned_rules,
)
from stream.simulator.sight import Proposal
from stream.simulator.world import CONTENT, NOTHING, WorldParameters

WORLD = WorldParameters()


class Eager:
    def __init__(self, priority=lambda _: 0.0):
        self.priority = priority
        self.seen = []

    def propose(self, sight, rng):  # noqa: ARG002
        self.seen.append(sight.truth.lead.lead_id)
        return Proposal(CONTENT, self.priority(sight))


def _run(policy, budget=200, leads=60, seeds=(1,), **more):
    return evaluate_policy(
        policy, WORLD, seeds=seeds, leads=leads, contact_budget=budget, arrival_days=30, **more
    )


@pytest.mark.parametrize("budget", [0, 1, 37, 200])
def test_the_budget_is_a_hard_cap_over_the_cohort(budget):
    [result] = _run(Eager(), budget)
    assert round(result.contacts * 60 / 1_000) <= budget
    # Whoever wants more than there is uses it up, but for what falls due after the last lead.
    assert round(result.contacts * 60 / 1_000) >= 0.9 * budget


def test_the_budget_is_released_over_the_time():
    contacts = []

    class Watching(Eager):
        def propose(self, sight, rng):
            contacts.append(sum(sight.truth.contacts))
            return super().propose(sight, rng)

    _run(Watching(), budget=100)
    early = contacts[: len(contacts) // 4]
    assert max(early) <= 100 // 2


def test_the_highest_priority_comes_first():
    reached = {}
    for sign in (1.0, -1.0):
        policy = Eager(lambda sight, sign=sign: sign * sight.score)
        scores = []

        class Noting(Eager):
            def propose(self, sight, rng, policy=policy, scores=scores):
                scores.append((sight.score, sight.contacts))
                return policy.propose(sight, rng)

        _run(Noting(), budget=100)
        total = sum(contacts for _, contacts in scores)
        reached[sign] = sum(score * contacts for score, contacts in scores) / total
    assert reached[1.0] > reached[-1.0] + 0.1


def test_every_policy_meets_the_same_leads():
    eager = Eager()
    _run(eager, budget=50)
    other = Eager()
    _run(other, budget=500)
    assert list(dict.fromkeys(eager.seen)) == list(dict.fromkeys(other.seen))


def test_results_repeat_by_seed():
    first, second = _run(RandomPolicy(), seeds=(1, 2)), _run(RandomPolicy(), seeds=(1, 2))
    assert first == second
    assert first[0] != first[1]
    assert len(first[0].reward_by_lead) == 60


def test_leads_can_be_looked_at_less_often():
    [result] = _run(Eager(), budget=10_000, decide_every_days=7)
    [daily] = _run(Eager(), budget=10_000)
    assert result.contacts < daily.contacts / 3


def test_counts_fit_together():
    [result] = _run(RulesPolicy(), leads=200)
    assert 0 < result.conversion <= result.deals
    assert result.retained <= result.conversion
    assert result.retained_ratio == pytest.approx(result.retained / result.conversion)
    assert result.reward == pytest.approx(sum(result.reward_by_lead) / 200)


def test_a_policy_of_online_models_takes_part():
    [result] = _run(ActingPolicy(Uniform()), leads=20, budget=50)
    assert result.contacts > 0
    quiet = ActingPolicy(_Nothing(), priority=lambda features, _: float(features["score"]))
    assert _run(quiet, leads=20)[0].contacts == 0


class _Nothing:
    def act(self, state, candidates, rng):  # noqa: ARG002
        choice = Uniform().act(state, ["nothing"], Random(0))
        assert candidates[NOTHING] == "nothing"
        return choice


def test_tuning_never_returns_worse_rules_than_it_began_with():
    tuned = tuned_rules(WORLD, seeds=(5,), leads=60, contact_budget=200, trials=6)
    again = tuned_rules(WORLD, seeds=(5,), leads=60, contact_budget=200, trials=6)
    assert tuned == again
    run = {"seeds": (5,), "leads": 60, "contact_budget": 200}
    [best] = evaluate_policy(tuned, WORLD, **run)
    [plain] = evaluate_policy(RulesPolicy(), WORLD, **run)
    assert best.reward >= plain.reward


@pytest.mark.parametrize("faulty", [{"leads": 0}, {"budget": -1}, {"decide_every_days": 0}])
def test_faulty_sizes_are_refused(faulty):
    with pytest.raises(ValueError, match="give 1 or more"):
        _run(Eager(), **faulty)
