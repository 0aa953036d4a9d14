"""How well policies do, as the learner sees it, and what it tells Prometheus of that."""

import math
from collections.abc import Mapping

from schemas.learning import PolicyTransition
from schemas.triggers import Shadow
from stream import metrics
from stream.gauges import remove
from stream.lead.contest import Contest
from stream.lead.learner import Learned
from stream.lead.policy_learner import LARGEST_WEIGHT, PolicyLearner

FORGETTING = 1.0 / 500.0
"""The weight of the newest decision in what is told: about the last thousand count."""


class PolicyQuality:
    """The rewards of the newest decisions: of those acted upon, and of the control group.

    And what a policy in shadow would have earned, by self-normalised inverse propensity: decisions
    count by how much likelier it would have taken the action than who did.
    """

    def __init__(self) -> None:
        self._mean: dict[str, float] = {}
        self._shadow_weight = 0.0

    def add(
        self,
        contest: Contest[PolicyLearner],
        transition: PolicyTransition,
        learned: Mapping[str, Learned],
    ) -> None:
        """Take in a decision, and what came of it by kind of policy."""
        if not learned and not transition.is_holdout:
            return  # learned before
        group = "holdout" if transition.is_holdout else "treated"
        metrics.TRANSITIONS_LEARNED.labels(contest.name, group).inc()
        before = self._mean.get(group, transition.reward)
        self._mean[group] = before + FORGETTING * (transition.reward - before)
        if transition.shadow is not None:
            self._add_shadow(transition, transition.shadow)

    def _add_shadow(self, transition: PolicyTransition, shadow: Shadow) -> None:
        chances = {one.action: one.probability for one in shadow.candidates}
        weight = chances.get(transition.action, 0.0) / transition.action_probability
        weight = min(weight, LARGEST_WEIGHT)
        self._shadow_weight += weight - FORGETTING * self._shadow_weight
        if weight:
            before = self._mean.get("shadow", transition.reward)
            step = weight / self._shadow_weight
            self._mean["shadow"] = before + step * (transition.reward - before)

    def publish(self, contest: Contest[PolicyLearner]) -> None:
        """Set the gauges."""
        for group, mean in self._mean.items():
            metrics.MEAN_REWARD.labels(contest.name, group).set(mean)
        for kind, contestant in contest.contestants.items():
            least = contestant.challenge.least_advantage
            if kind != contest.champion and math.isfinite(least):
                metrics.POLICY_ADVANTAGE.labels(contest.name, kind).set(least)

    def withdraw(self, contest: Contest[PolicyLearner]) -> None:
        """Take the gauges back: somebody else learns now."""
        for gauge, labels in (
            (metrics.MEAN_REWARD, ("treated", "holdout", "shadow")),
            (metrics.POLICY_ADVANTAGE, tuple(contest.contestants)),
        ):
            for label in labels:
                remove(gauge, contest.name, label)
