"""Each score as it is made: the lead, the vector that it was scored with, and what came out."""

from collections.abc import Callable
from typing import NamedTuple

from stream.lead import points
from stream.lead.decide import Decision
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.partition import Partition
from stream.lead.records import Batch, Models
from stream.lead.scoring import Scored, score_one


class ScoredRow(NamedTuple):
    """One score of one lead.

    ``first_at_s`` is when the lead's first event occurred, ``x`` the vector that it was scored
    with, ``scored`` and ``tier`` what went out, ``by_rules`` what the rules alone would have said.
    """

    lead: str
    first_at_s: float
    x: Features
    scored: Scored
    tier: str
    by_rules: Scored

    @property
    def p(self) -> float:
        """The probability that went out."""
        return self.scored.p_convert


Watch = Callable[[ScoredRow], None]


class WatchedPartition(Partition):
    """A partition that shows each score to somebody, before anything learns of its event.

    Parameters
    ----------
    house, models
        As of any partition.
    watch
        Is shown each score.
    """

    def __init__(self, house: House, models: Models, watch: Watch) -> None:
        super().__init__(house, models)
        self._watch = watch
        self.batch = _WatchedBatch(self, watch)

    def take(self) -> Batch:
        """Return what has accumulated since the last call."""
        batch, self.batch = self.batch, _WatchedBatch(self, self._watch)
        return batch


class _WatchedBatch(Batch):
    __slots__ = ("_partition", "_watch")

    def __init__(self, partition: Partition, watch: Watch) -> None:
        super().__init__()
        self._partition = partition
        self._watch = watch

    def add(self, address: str, kind: str, decision: Decision) -> None:
        super().add(address, kind, decision)
        if decision.scored is None:
            return
        state, house = self._partition.leads[address], self._partition.in_use.house
        standing = points.standing(state.ledger, house.points, decision.scored_at_s)
        by_rules = score_one(decision.x, standing, None, house)
        self._watch(
            ScoredRow(
                address, state.first_at_s, decision.x, decision.scored, str(state.tier), by_rules
            )
        )
