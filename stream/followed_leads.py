"""Leads of a log and what became of them: vectors by the time of decision, nurturing, winning."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from schemas import topics
from stream.lead import points
from stream.lead.consent import NURTURING, may
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.labels import WON
from stream.lead.scoring import Scored
from stream.lead.state import LeadState
from stream.lead.text_reading import ReadsTexts
from stream.offline import OfflineStream
from stream.scored_rows import ScoredRow

OCCASIONS_KEPT = 4
"""Of each lead: a uniform sample of so many of its scored vectors."""

BY_THE_LEAD = frozenset({topics.PAGE_VIEWS.name, topics.EMAIL_EVENTS.name, topics.FORM_FILLS.name})
"""What comes on these topics the lead did itself; calls and stages are others' doing."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A lead as it was known at one time, before its outcome.

    ``x`` are those features that leads are compared by; ``rule_points`` each rule's points as of
    then; ``may_be_nurtured`` whether consent allowed it.
    """

    at_s: float
    x: Features
    scored: Scored
    rule_points: Mapping[str, float]
    may_be_nurtured: bool


@dataclass(slots=True)
class FollowedLead:
    """One lead's history, as far as comparisons need it; times are epoch seconds."""

    lead_id: str
    first_at_s: float
    last_at_s: float
    occasions: list[Occasion] = field(default_factory=list)
    occasions_seen: int = 0
    nurtured_at_s: float | None = None
    at_nurturing: Occasion | None = None
    active_s: list[float] = field(default_factory=list)
    events: int = 0
    won_at_s: float | None = None

    def won_within(self, at_s: float, horizon_s: float) -> bool:
        """Tell whether the lead won within a time."""
        return self.won_at_s is not None and at_s < self.won_at_s <= at_s + horizon_s


class FollowedLeads:
    """A log folded once more, with an eye on each lead; anonymous visitors are left out.

    Parameters
    ----------
    house, email_key, received_s
        As of ``OfflineStream``.
    nurtured_s
        When each lead was first nurtured, as the log says. None takes the triggers that the fold
        itself puts out.
    reader
        As of ``OfflineStream``.

    Attributes
    ----------
    by_id
        Lead -> its history. What was erased or merged away is not there at the end.
    """

    def __init__(
        self,
        house: House,
        email_key: bytes,
        received_s: float,
        nurtured_s: Mapping[str, float] | None = None,
        reader: ReadsTexts | None = None,
    ) -> None:
        self.by_id: dict[str, FollowedLead] = {}
        self._house = house
        self._nurtured_s = nurtured_s
        self._stream = OfflineStream(house, email_key, received_s, watch=self._see, reader=reader)
        self._topic = ""
        self._seen: set[str] = set()
        self._random = Random(0)  # noqa: S311 - a sample, no secret

    @property
    def end_s(self) -> float:
        """The log's time after its last event, epoch seconds."""
        return self._stream.partition.now_s

    def take_in(self, lines: Iterable[tuple[str, bytes]]) -> "FollowedLeads":
        """Take in events, topic and value of each, in the order of arrival."""
        for topic, value in lines:
            self._topic = topic
            self._stream.feed(topic, value)
            for lead_id in self._seen:
                state = self._stream.partition.leads.get(lead_id)
                lead = self.by_id[lead_id]
                if state is not None and state.outcome == WON and lead.won_at_s is None:
                    lead.won_at_s = state.outcome_at_s
            self._seen.clear()
        for lead_id in [one for one in self.by_id if not self._is_here(one)]:
            del self.by_id[lead_id]
        return self

    def _is_here(self, lead_id: str) -> bool:
        state, lead = self._stream.partition.leads.get(lead_id), self.by_id[lead_id]
        if state is None:  # forgotten after long silence, or else erased
            return lead.last_at_s + self._house.retention_s <= self.end_s
        return state.forward_to is None

    def _see(self, row: ScoredRow) -> None:
        if not is_named(row.lead):
            return
        state = self._stream.partition.leads[row.lead]
        at_s = _scored_at_s(row)
        lead = self.by_id.get(row.lead)
        if lead is None:
            lead = FollowedLead(row.lead, at_s, at_s, events=state.events - 1)
            if self._nurtured_s is not None:
                lead.nurtured_at_s = self._nurtured_s.get(row.lead)
            self.by_id[row.lead] = lead
        self._seen.add(row.lead)
        lead.last_at_s = max(lead.last_at_s, at_s)
        if state.events > lead.events and self._topic in BY_THE_LEAD:
            lead.active_s.append(at_s)
        lead.events = state.events
        if state.outcome is None:
            self._keep(lead, state, row, at_s)

    def _keep(self, lead: FollowedLead, state: LeadState, row: ScoredRow, at_s: float) -> None:
        occasion = Occasion(
            at_s,
            {name: value for name, value in row.x.items() if is_covariate(name)},
            row.scored,
            points.standing(state.ledger, self._house.points, at_s),
            may(state, NURTURING, self._house),
        )
        if self._nurtured_s is None and lead.nurtured_at_s is None and state.decisions:
            lead.nurtured_at_s, lead.at_nurturing = at_s, occasion
        if self._nurtured_s is not None and (
            lead.nurtured_at_s is not None and at_s <= lead.nurtured_at_s
        ):
            lead.at_nurturing = occasion
        lead.occasions_seen += 1
        if len(lead.occasions) < OCCASIONS_KEPT:
            lead.occasions.append(occasion)
        elif (slot := self._random.randrange(lead.occasions_seen)) < OCCASIONS_KEPT:
            lead.occasions[slot] = occasion


def is_covariate(feature: str) -> bool:
    """Tell whether leads are compared by a feature: all but counts of details and of other spans.

    What texts say is no detail: it is why some are nurtured, and nothing else counts it.

    >>> [is_covariate(f) for f in ("count_7d:page_view", "count_7d:page_view:docs", "stage")]
    [True, False, True]
    >>> is_covariate("count_7d:text:complaint")
    True
    """
    prefix, _, rest = feature.partition(":")
    if prefix in {"count", "count_1d"}:
        return False
    return prefix != "count_7d" or ":" not in rest or rest.startswith("text:")


def _scored_at_s(row: ScoredRow) -> float:
    """Return when a score was made, epoch seconds, to the millisecond: its vector knows the age."""
    age = row.x["age"]
    return round(row.first_at_s + (math.expm1(age) if isinstance(age, float) else 0.0), 3)
