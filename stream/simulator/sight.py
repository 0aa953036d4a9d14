"""What a policy is shown of a lead, and what it answers."""

from random import Random
from typing import NamedTuple, Protocol

from stream.simulator.observation import features, observe, score
from stream.simulator.prospect import Prospect
from stream.simulator.world import ACTIONS

CANDIDATES: tuple[str, ...] = tuple(ACTIONS)
"""Names of the actions, as candidates of a policy of ``online_models``."""


class Sight:
    """What a policy sees of a lead; computed when it is asked for.

    Parameters
    ----------
    prospect
        The lead.
    """

    __slots__ = ("truth",)

    def __init__(self, prospect: Prospect) -> None:
        self.truth = prospect
        """All of it, hidden or not: for oracles alone."""

    def features(self) -> dict[str, float | str]:
        """Return leadstream's features."""
        return features(self.truth)

    def vector(self) -> list[float]:
        """Return the environment's observation."""
        return observe(self.truth)

    @property
    def score(self) -> float:
        """The marketer's score, 0 to 1."""
        return score(self.truth)

    @property
    def stage(self) -> int:
        """Where the lead stands."""
        return self.truth.stage

    @property
    def age_days(self) -> int:
        """Days since it got a name."""
        return self.truth.day

    @property
    def stage_days(self) -> int:
        """Days in its stage."""
        return self.truth.day - self.truth.entered_stage_day

    @property
    def idle_days(self) -> float:
        """Days since it last did something by itself."""
        return self.truth.day - self.truth.active_day

    @property
    def uncontacted_days(self) -> float:
        """Days since the last contact; infinite before the first."""
        return self.truth.day - self.truth.contacted_day

    @property
    def unanswered(self) -> int:
        """Contacts since the last that it answered."""
        return self.truth.unanswered

    @property
    def contacts(self) -> int:
        """Contacts so far."""
        return sum(self.truth.contacts)

    @property
    def refusals(self) -> int:
        """Decisions against us that sales knows of."""
        return self.truth.refusals

    @property
    def survey(self) -> float | None:
        """The satisfaction that a customer told last."""
        return self.truth.survey


class Proposal(NamedTuple):
    """What a policy would do with a lead today, and how much that matters beside other leads."""

    action: int
    priority: float = 0.0


class PipelinePolicy(Protocol):
    """What takes part in a comparison."""

    def propose(self, sight: Sight, rng: Random) -> Proposal:
        """Propose an action, by its number, for one lead that may be contacted."""
        ...
