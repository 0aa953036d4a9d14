"""What milestones still need to know of a lead: touchpoints, what it waits for, what it bought."""

from collections.abc import Collection
from dataclasses import astuple, dataclass, field
from typing import Any

from online_models.purchase_history import PurchaseHistory
from stream.lead.channels import DIRECT, Source

MAX_TOUCHES = 20
"""Of a longer journey the first half and the last half are kept."""


BOUGHT = 7
"""Where a row has the purchases."""


@dataclass(slots=True)
class MilestoneState:
    """What is kept of one lead; times are epoch seconds.

    ``source`` is the channel that it came by first. ``enters_s`` is when it is told of as a lead:
    None of a visitor without a name, and once that is done (``is_entered``). From then on its
    source stays, and ``entered_s``, since when it was known by then: cohorts count by them.
    ``first_segment`` is the first that it came into, ``is_won`` whether a deal was told of.
    ``touches`` are those of the journey that is under way, as [time, channel, campaign], in order.
    ``asked_s`` is when it asked for something and nobody has answered. ``won_s`` is when it became
    a customer, ``month_ends_s`` when the month since ends in which it last gave a sign. ``bought``
    is its purchases, ``deal`` the newest: [day, value, type of the event], since a CRM may tell a
    deal as outcome and as purchase.
    """

    source: str | None = None
    is_entered: bool = False
    enters_s: float | None = None
    touches: list[list[Any]] = field(default_factory=list)
    asked_s: float | None = None
    won_s: float | None = None
    month_ends_s: float = 0.0
    bought: PurchaseHistory | None = None
    deal: list[Any] | None = None
    entered_s: float | None = None
    first_segment: str | None = None
    is_won: bool = False

    def entry_s(self, first_at_s: float) -> float:
        """Return since when the lead was known when its entry was told."""
        return first_at_s if self.entered_s is None else self.entered_s

    def touch(self, source: Source, at_s: float, session_gap_s: float) -> None:
        """Note a touchpoint; one that goes on with the last one is none of its own."""
        touches = self.touches
        is_first = self.source == DIRECT and bool(touches) and at_s < touches[0][0]
        if not self.is_entered and (self.source is None or is_first):
            self.source = source.channel
        if touches:
            last_s, channel, campaign = touches[-1]
            goes_on = source == (channel, campaign) or source.channel == DIRECT
            if goes_on and 0.0 <= at_s - last_s <= session_gap_s:
                return
        is_late = bool(touches) and touches[-1][0] > at_s
        touches.append([at_s, *source])
        if is_late:
            touches.sort(key=_time)
        if len(touches) > MAX_TOUCHES:
            del touches[MAX_TOUCHES // 2]

    def take_back(self, times_s: Collection[float]) -> None:
        """Forget clicks in mails that were none of the lead's own."""
        self.touches = [t for t in self.touches if t[1] != "email" or t[0] not in times_s]

    def merge(self, other: "MilestoneState") -> None:
        """Join another history's; what came first was first."""
        both = sorted([*self.touches, *other.touches], key=_time)
        # What nothing is known to have brought about goes on with what came before it.
        both = [t for number, t in enumerate(both) if number == 0 or t[1] != DIRECT]
        is_first = bool(other.touches) and both[0] is other.touches[0]
        if not self.is_entered and (self.source is None or is_first):
            self.source = other.source or self.source
        if self.entered_s is None:
            self.entered_s = other.entered_s
        self.first_segment = self.first_segment or other.first_segment
        self.is_won = self.is_won or other.is_won
        surplus = max(0, len(both) - MAX_TOUCHES)
        half = MAX_TOUCHES // 2
        self.touches = [*both[:half], *both[half + surplus :]]
        self.is_entered = self.is_entered or other.is_entered
        self.enters_s = None if self.is_entered else _earlier(self.enters_s, other.enters_s)
        self.asked_s = _earlier(self.asked_s, other.asked_s)
        self.won_s = _earlier(self.won_s, other.won_s)
        self.month_ends_s = max(self.month_ends_s, other.month_ends_s)
        self.deal = self.deal or other.deal
        if self.bought is None or other.bought is None:
            self.bought = self.bought or other.bought
        else:
            self.bought = self.bought.merged(other.bought)

    def row(self) -> list[Any]:
        """Return it as plain JSON."""
        bought = self.bought
        return [
            self.source, self.is_entered, self.enters_s, self.touches, self.asked_s, self.won_s,
            self.month_ends_s, None if bought is None else list(astuple(bought)), self.deal,
            self.entered_s, self.first_segment, self.is_won,
        ]  # fmt: skip

    @classmethod
    def from_row(cls, row: list[Any]) -> "MilestoneState":
        """Rebuild it from ``row``."""
        state = cls(*row)
        if state.bought is not None:
            state.bought = PurchaseHistory(*row[BOUGHT])
        return state


def _time(touch: list[Any]) -> float:
    at_s: float = touch[0]
    return at_s


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((t for t in (one, other) if t is not None), default=None)
