"""How well all that learns does: models, policies and uplift, each by its own figures."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.learning import PolicyTransition, TrainingExample
from stream.lead.contest import Contest
from stream.lead.house import House
from stream.lead.learner import Learned
from stream.model_quality import ModelQuality
from stream.models import NEXT_ACTION, UPLIFT
from stream.policy_quality import PolicyQuality
from stream.uplift_quality import UpliftQuality


class LearnerQuality:
    """The figures of all contests.

    Parameters
    ----------
    house
        The rules of the house.
    """

    def __init__(self, house: House) -> None:
        self._models = ModelQuality(house)
        self._policies = PolicyQuality()
        self._uplift = UpliftQuality()

    def add(
        self,
        contest: Contest[Any],
        example: TrainingExample | PolicyTransition,
        learned: Mapping[str, Learned],
    ) -> None:
        """Take in an example and what came of it, by kind."""
        if isinstance(example, PolicyTransition):
            if contest.name == NEXT_ACTION:
                self._policies.add(contest, example, learned)
        elif contest.name == UPLIFT:
            self._uplift.add(contest, example, learned)
        elif contest.name != NEXT_ACTION:
            self._models.add(contest, example, learned)

    def publish(self, contests: Iterable[Contest[Any]]) -> None:
        """Set the gauges."""
        models = []
        for contest in contests:
            if contest.name == NEXT_ACTION:
                self._policies.publish(contest)
            elif contest.name == UPLIFT:
                self._uplift.publish(contest)
            else:
                models.append(contest)
        self._models.publish(models)

    def withdraw(self, contests: Iterable[Contest[Any]]) -> None:
        """Take the gauges back: somebody else learns now."""
        models = []
        for contest in contests:
            if contest.name == NEXT_ACTION:
                self._policies.withdraw(contest)
            elif contest.name == UPLIFT:
                self._uplift.withdraw(contest)
            else:
                models.append(contest)
        self._models.withdraw(models)
