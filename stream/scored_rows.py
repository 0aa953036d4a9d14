"""Each score as it is made: the lead, the vector that it was scored with, and what came out."""

from collections.abc import Callable
from typing import NamedTuple

from stream.lead.decide import Decision, score_state
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.partition import Partition
from stream.lead.records import Batch, Models
from stream.lead.scoring import Scored
from stream.lead.state import LeadState


class ScoredRow(NamedTuple):
    """One score of one lead.

    ``first_at_s`` is when the lead's first event occurred, ``x`` the vector that it was scored
    with, ``p`` and ``tier`` what went out, ``by_rules`` what the rules alone would have said.
    """

    lead: str
    first_at_s: float
    x: Features
    p: float
    tier: str
    by_rules: Scored


Watch = Callable[[ScoredRow], None]


class WatchedPartition(Partition):
    """A partition that shows each score to somebody, before anything learns of its event.

    Vectors are told anew from the states, so that a live worker has no part in this.

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
        batch = super().take()
        self.batch = _WatchedBatch(self, self._watch)
        return batch


class _WatchedBatch(Batch):
    __slots__ = ("_partition", "_watch")

    def __init__(self, partition: Partition, watch: Watch) -> None:
        super().__init__()
        self._partition = partition
        self._watch = watch

    def add(self, address: str, kind: str, decision: Decision) -> None:
        super().add(address, kind, decision)
        if decision.p_convert is None:
            return
        state, house = self._partition.leads[address], self._partition.house
        by_rules, _, x = score_state(state, _scored_at_s(state, kind, house), None, house)
        p, tier = decision.p_convert, str(state.tier)
        self._watch(ScoredRow(address, state.first_at_s, x, p, tier, by_rules))


def _scored_at_s(state: LeadState, kind: str, house: House) -> float:
    """Return the time that a lead has just been scored at: that of its absence, for its timer."""
    if kind == "timer":
        return max(state.last_active_s + house.absence_s, state.last_at_s)
    return state.last_at_s
