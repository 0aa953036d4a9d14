"""Champion and challengers: all learn the same examples, one serves, another may take over."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from online_models.challenge import Challenge
from schemas.learning import ModelCheckpoint
from stream.lead.learner import Decoded, Learned, Learner
from stream.lead.outputs import Output
from stream.lead.policy_learner import PolicyLearner
from stream.lead.uplift_learner import UpliftLearner

L = TypeVar("L", Learner, PolicyLearner, UpliftLearner)


@dataclass(slots=True)
class Contestant(Generic[L]):
    """A learner and, for a challenger, how it stands against the champion."""

    learner: L
    challenge: Challenge


class Contest(Generic[L]):
    """The models that predict the same thing, or the policies that choose.

    Parameters
    ----------
    name
        What is predicted: ``p_convert``.
    learners
        The contestants, of different kinds.
    champion
        The kind that serves.
    """

    def __init__(self, name: str, learners: Iterable[L], champion: str) -> None:
        self.name = name
        self.contestants: dict[str, Contestant[L]] = {
            one.kind: Contestant(one, Challenge()) for one in learners
        }
        self.champion = champion

    @property
    def learner(self) -> L:
        """The champion's learner."""
        return self.contestants[self.champion].learner

    @property
    def next_offset(self) -> int:
        """The first example that some contestant has not learned."""
        return min(one.learner.next_offset for one in self.contestants.values())

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Let a contestant go on from its checkpoint; raises ValueError if it does not fit."""
        one = self.contestants[checkpoint.kind]
        one.learner.resume(checkpoint)
        if checkpoint.champion == self.champion and checkpoint.challenge is not None:
            one.challenge = Challenge.restore(checkpoint.challenge)

    def learn(self, example: Decoded, offset: int) -> dict[str, Learned]:
        """Have all learn an example that they have not; return what came of it, by kind."""
        learned: dict[str, Learned] = {}
        for kind, one in self.contestants.items():
            done = one.learner.learn(example, offset)
            if done is not None:
                learned[kind] = done
        best = learned.get(self.champion)
        if best is not None and best.loss is not None:
            for kind, of in learned.items():
                if kind != self.champion and of.loss is not None:
                    self.contestants[kind].challenge.add(best.loss, of.loss)
        return learned

    def pass_over(self, offset: int) -> None:
        """Count a record as done that taught nothing."""
        for one in self.contestants.values():
            one.learner.pass_over(offset)

    def winner(self) -> str | None:
        """Return the challenger that has won by most; None while the champion holds."""
        won = [
            (one.challenge.least_advantage, kind)
            for kind, one in self.contestants.items()
            if one.challenge.is_won
        ]
        return max(won)[1] if won else None

    def promote(self, kind: str) -> None:
        """Make a contestant the champion; all challenges begin anew."""
        self.champion = kind
        for one in self.contestants.values():
            one.challenge = Challenge()

    def checkpoints(self) -> list[Output]:
        """Return the records that a restart goes on from, one a contestant."""
        return [
            one.learner.checkpoint(champion=self.champion, challenge=one.challenge.checkpoint())
            for one in self.contestants.values()
        ]
