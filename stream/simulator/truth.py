"""Ground truth: what tests may ask and no model may see."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Flaw = Literal[
    "late",
    "duplicate",
    "not_json",
    "unknown_type",
    "missing_field",
    "bad_value",
    "in_the_future",
    "too_large",
]


@dataclass(slots=True)
class LeadTruth:
    """What is true of one lead that has a name.

    Parameters
    ----------
    lead_id
        The id on the events.
    anonymous_ids
        Visitor ids of the lead's devices; a later device may not have been seen yet.
    intent
        The hidden intent, 0..1.
    persona
        The kind of visitor.
    is_scanner
        Whether a scanner reads the lead's mails.
    result
        The outcome that was emitted, None while undecided.
    decided_at_s
        Epoch seconds of the outcome.
    events
        Emitted events of the lead, flawed ones included, from its first page on.
    flaws
        Emitted events of the lead by flaw.
    """

    lead_id: str
    anonymous_ids: list[str]
    intent: float
    persona: str
    is_scanner: bool
    result: Literal["won", "lost"] | None = None
    decided_at_s: float | None = None
    events: int = 0
    flaws: dict[Flaw, int] = field(default_factory=dict)


@dataclass(slots=True)
class Truth:
    """The truth about the events emitted so far; it fills while the simulation is read.

    Parameters
    ----------
    leads
        By lead id, every lead whose id has been emitted.
    visitors
        Leads and visitors that have arrived, named or not.
    events
        Events emitted.
    flaws
        Emitted events by flaw.
    """

    leads: dict[str, LeadTruth] = field(default_factory=dict)
    visitors: int = 0
    events: int = 0
    flaws: Counter[Flaw] = field(default_factory=Counter)

    def count(self, result: Literal["won", "lost"] | None) -> int:
        """Return how many named leads ended so; None counts the undecided."""
        return sum(lead.result == result for lead in self.leads.values())
