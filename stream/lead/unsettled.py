"""What may yet turn out to be a scanner's, and how it is taken back when it does.

The first click of a scanner looks like a person's and counts at once: scores do not wait. For a
minute the state keeps how things stood before it and what has happened since; once a burst is
recognised, what happened is told again without it.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from stream.lead import points
from stream.lead.house import House
from stream.lead.kinds import BY_THE_LEAD
from stream.lead.machines import IN_MAILS
from stream.lead.points import Ledger

SETTLED_AFTER_S = 60.0
"""Log time after which an open or a click stays what it was taken for."""

MAX_UNSETTLED = 16


class HasMoments(Protocol):
    """The times and the kind that only the newest events decide."""

    last_at_s: float
    before_last_s: float
    last_kind: str
    last_active_s: float
    absence_due_s: float | None


@dataclass(slots=True)
class Moments:
    """How a lead's newest events stood at some time."""

    last_at_s: float
    before_last_s: float
    last_kind: str
    last_active_s: float
    absence_due_s: float | None

    @classmethod
    def of(cls, state: HasMoments) -> "Moments":
        """Return those of a state, as they are now."""
        return cls(
            state.last_at_s,
            state.before_last_s,
            state.last_kind,
            state.last_active_s,
            state.absence_due_s,
        )

    def put(self, state: HasMoments) -> None:
        """Let a state stand as it stood then."""
        state.last_at_s, state.before_last_s = self.last_at_s, self.before_last_s
        state.last_kind = self.last_kind
        state.last_active_s, state.absence_due_s = self.last_active_s, self.absence_due_s


def advance(moments: HasMoments, at_s: float, event_type: str, kind: str, house: House) -> None:
    """Bring the newest events' times up to an event; a late one leaves them."""
    if at_s >= moments.last_at_s:
        moments.before_last_s, moments.last_at_s = moments.last_at_s, at_s
    if kind:
        moments.last_kind = kind
    # A late one does not end an absence that was noted since.
    if event_type in BY_THE_LEAD and at_s > moments.last_active_s:
        moments.last_active_s = at_s
        moments.absence_due_s = at_s + house.absence_s


def join(moments: HasMoments, other: HasMoments) -> None:
    """Let the newest events of two histories be those of one."""
    if other.last_active_s > moments.last_active_s:
        # With its timer, which may have fired already.
        moments.last_active_s, moments.absence_due_s = other.last_active_s, other.absence_due_s
    if other.last_at_s > moments.last_at_s and other.last_kind:
        moments.last_kind = other.last_kind
    moments.last_at_s, moments.before_last_s = sorted(
        (moments.last_at_s, moments.before_last_s, other.last_at_s, other.before_last_s),
        reverse=True,
    )[:2]


@dataclass(slots=True)
class Step:
    """One event since: when it was seen and occurred, as what it counts, which mail it touched.

    It is seen when it arrives, never before it occurred: replayed logs' time lags behind.
    ``rules`` are the point rules that it met, where it is an open or a click; ``reason`` says why
    it counts nothing.
    """

    seen_s: float
    at_s: float
    type: str
    kind: str
    rules: list[str] = field(default_factory=list)
    mail: int = 0
    link: int = 0
    reason: str = ""


@dataclass(slots=True)
class Unsettled:
    """How a lead stood before its oldest unsettled open or click, and the steps since."""

    before: Moments
    ledger: dict[str, list[float] | None]
    steps: list[Step] = field(default_factory=list)
    journey: list[list[Any]] = field(default_factory=list)

    def to_json(self) -> list[Any]:
        """Return it as plain JSON."""
        before = [getattr(self.before, name) for name in Moments.__slots__]
        steps = [[getattr(step, name) for name in Step.__slots__] for step in self.steps]
        return [before, self.ledger, steps, self.journey]

    @classmethod
    def from_json(cls, document: list[Any]) -> "Unsettled":
        """Rebuild it from ``to_json``."""
        before, ledger, steps, journey = document
        return cls(Moments(*before), ledger, [Step(*step) for step in steps], journey)

    @classmethod
    def begin(cls, state: HasMoments, ledger: Ledger, house: House) -> "Unsettled":
        """Note how a lead stands before an open or a click is counted."""
        rules = [r.name for r in house.points.rule if r.event in IN_MAILS]
        return cls(Moments.of(state), {name: ledger.get(name) for name in rules})

    def add(self, step: Step, house: House) -> None:
        """Note an event; the oldest settle when they are more than are kept."""
        self.steps.append(step)
        while len(self.steps) > MAX_UNSETTLED:
            self._settle_first(house)

    def is_settled(self, now_s: float, house: House) -> bool:
        """Let settle what is old enough; tell whether nothing is left that could be taken back."""
        steps = self.steps
        while steps and (not steps[0].mail or now_s - steps[0].seen_s > SETTLED_AFTER_S):
            self._settle_first(house)
        return not steps

    def touches(self, mail: int) -> list[Step]:
        """Return the opens and clicks of one mail."""
        return [step for step in self.steps if step.mail == mail]

    def spill(self, journey: list[list[Any]]) -> None:
        """Keep steps of the journey that were pushed out, as many as could come back."""
        if journey:
            self.journey = sorted(self.journey + journey, key=lambda s: s[0])[-MAX_UNSETTLED:]

    def _settle_first(self, house: House) -> None:
        step = self.steps.pop(0)
        if not step.reason:
            advance(self.before, step.at_s, step.type, step.kind, house)
            kept: Ledger = {n: e for n, e in self.ledger.items() if e is not None}
            points.credit(kept, house.points, step.rules, step.at_s)
            self.ledger.update(kept)
