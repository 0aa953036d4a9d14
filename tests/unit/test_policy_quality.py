"""What the learner tells of policies: rewards of those acted upon, left alone, tried in shadow."""

from random import Random

import pytest

from schemas.learning import PolicyTransition
from schemas.triggers import Candidate, Shadow
from stream import metrics
from stream.lead.contest import Contest
from stream.lead.policy_learner import PolicyLearner
from stream.policy_quality import PolicyQuality

WORTH = {"call": 0.6, "mail": 0.2}


def transition(action: str, reward: float, likes: str) -> PolicyTransition:
    chances = {"call": 0.25, "mail": 0.75}
    wanted = tuple(
        Candidate(action=name, probability=0.9 if name == likes else 0.1) for name in chances
    )
    return PolicyTransition(
        model="next_action",
        rule="tier_rose",
        x={},
        action=action,
        action_probability=chances[action],
        candidates=tuple(Candidate(action=n, probability=p) for n, p in chances.items()),
        reward=reward,
        is_holdout=False,
        policy="rules",
        policy_version="1",
        shadow=Shadow(policy="dqn", policy_version="dqn-7", action=likes, candidates=wanted),
        occurred_at="2026-01-01T00:00:00Z",
        rewarded_at="2026-01-02T00:00:00Z",
    )


@pytest.mark.parametrize(("likes", "earns"), [("call", 0.56), ("mail", 0.24)])
def test_a_policy_in_shadow_is_told_what_it_would_have_earned(likes, earns):
    contest = Contest("next_action", [PolicyLearner("rules", 0.25)], "rules")
    quality, random = PolicyQuality(), Random(3)
    for offset in range(4_000):
        action = "call" if random.random() < 0.25 else "mail"
        one = transition(action, float(random.random() < WORTH[action]), likes)
        quality.add(contest, one, contest.learn(one, offset))
    quality.publish(contest)
    labels = {"model": "next_action", "group": "shadow"}
    told = metrics.REGISTRY.get_sample_value("leadstream_mean_reward", labels)
    assert told == pytest.approx(earns, abs=0.08)
    quality.withdraw(contest)
