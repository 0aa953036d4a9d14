"""One lead's state: small, bounded, and the same however the lead got there."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from operator import attrgetter
from typing import Any

from stream.expected import ExpectedError
from stream.lead.decay import DecayedCounts
from stream.lead.enrolment import Enrolment
from stream.lead.milestone_state import MilestoneState
from stream.lead.open_transition import OpenTransition
from stream.lead.points import Ledger
from stream.lead.purchases import Purchases
from stream.lead.samples import OpenVector, Sample
from stream.lead.unsettled import Unsettled

Read = list[Any]
"""What was read from a text, as a row: see ``LeadState.texts``."""

SCHEMA_VERSION = 2
"""Of a state's JSON and of its stored form (``stream.lead.stored_form``)."""

MAX_KINDS = 64
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_CHARACTERS = 128
MAX_PAGES = 64
MAX_RECENT_IDS = 128
MAX_JOURNEY = 20
MAX_DECISIONS = 16
MAX_TRANSITIONS = 8
MAX_PURPOSES = 16
MAX_ALIASES = 64


class StateFormatError(ExpectedError, ValueError):
    """A stored state cannot be read by this version; says lead, found and expected format."""


@dataclass(slots=True)
class LeadState:
    """What is known of one lead.

    Times are epoch seconds of event time. ``offset`` is the last record of the log that was
    applied, so that a record replayed changes nothing. ``next_due_s`` is the earliest timer.
    ``discounted`` holds what machines did in the lead's name, as kind and reason -> [count, latest
    time]; ``mails`` the newest mails as [mail, delivered, span of a scanner's clicks, noted].
    ``open_vectors`` holds task -> the vector of a short horizon that waits for its label,
    ``session_noted_s`` the last event of the newest session known to have ended, ``purchases``
    what a customer has bought. ``crm_stage_at_s`` is when the CRM last named a stage,
    ``stage_due_s`` when time alone may change it. ``transitions`` are decisions whose reward is not
    known yet, ``enrolled`` its part in the comparison of treated leads with held-out ones,
    ``contacts`` what was done with the lead, as far as it still counts to a limit, each
    as [time, action, channel]. ``texts`` holds the newest texts as [time, language, sentiment,
    intents, topic, whether the journey that it was written in has not ended]. ``log_odds`` are
    those of the newest scoring, ``moved_by`` what moved them since a score last went out
    (``stream.lead.movement``). ``conversion`` is the record that told of it with how long each
    vector waited for it, so that the partition can count them again where a replay passes the
    record over. ``milestones`` is what those to come need to know. ``segment`` is the learned one,
    ``rule_segments`` are the house's own, ``segments_due_s`` is when time alone may change those.
    ``consent`` holds purpose ->
    [granted, since], ``aliases`` the addresses that forward here, so that erasure reaches them. A
    state with ``forward_to`` is a forwarding address and holds nothing else: since ``first_at_s``,
    and ``last_at_s`` is the time of the newest history that went this way.
    """

    lead_id: str
    first_at_s: float
    counts: DecayedCounts
    offset: int = -1
    last_at_s: float = 0.0
    before_last_s: float = 0.0
    last_active_s: float = 0.0
    last_kind: str = ""
    events: int = 0
    sessions: int = 0
    last_web_s: float = 0.0
    dwell_s: float = 0.0
    pages: list[int] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    stage_at_s: float = 0.0
    crm_stage_at_s: float | None = None
    stage_due_s: float | None = None
    segment: str | None = None
    rule_segments: list[str] = field(default_factory=list)
    segments_due_s: float | None = None
    consent: dict[str, list[Any]] = field(default_factory=dict)
    profile_at_s: float = 0.0
    ledger: Ledger = field(default_factory=dict)
    recent_ids: dict[int, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    sampled_of: int = 0
    open_vectors: dict[str, OpenVector] = field(default_factory=dict)
    session_noted_s: float = 0.0
    purchases: Purchases | None = None
    outcome: str | None = None
    outcome_at_s: float = 0.0
    conversion: list[Any] | None = None
    milestones: MilestoneState | None = None
    score: float | None = None
    p_convert: float | None = None
    model_version: str = ""
    log_odds: float | None = None
    moved_by: list[list[Any]] = field(default_factory=list)
    tier: str | None = None
    triggered_s: dict[str, float] = field(default_factory=dict)
    decisions: dict[str, list[Any]] = field(default_factory=dict)
    transitions: list[OpenTransition] = field(default_factory=list)
    enrolled: Enrolment | None = None
    contacts: list[list[Any]] = field(default_factory=list)
    texts: list[Read] = field(default_factory=list)
    absence_due_s: float | None = None
    journey: list[list[Any]] = field(default_factory=list)
    overflows: int = 0
    aliases: list[str] = field(default_factory=list)
    mails: list[list[Any]] | None = None
    unsettled: Unsettled | None = None
    discounted: dict[str, list[float]] | None = None
    forward_to: str | None = None
    next_due_s: float | None = None

    @classmethod
    def new(cls, lead_id: str, at_s: float) -> "LeadState":
        """Return the state of a lead first heard of at a time."""
        return cls(
            lead_id=lead_id,
            first_at_s=at_s,
            last_at_s=at_s,
            before_last_s=at_s,
            counts=DecayedCounts(at_s, MAX_KINDS),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON; what is empty is left out."""
        document: dict[str, Any] = {"v": SCHEMA_VERSION}
        document |= {
            name: value
            for name, value, default in zip(_NAMES, _VALUES(self), _DEFAULTS, strict=True)
            if value != default
        }
        del document["counts"]
        if self.counts.counts:
            document["counts"] = self.counts.counts
        document["landmark_s"] = self.counts.landmark_s
        if self.recent_ids:
            document["recent_ids"] = list(map(list, self.recent_ids.items()))
        if self.samples:
            document["samples"] = [sample.row() for sample in self.samples]
        if self.transitions:
            document["transitions"] = [transition.row() for transition in self.transitions]
        if self.open_vectors:
            document["open_vectors"] = {
                task: [v.sample.row(), v.mail, v.positive_s]
                for task, v in self.open_vectors.items()
            }
        if self.purchases is not None:
            document["purchases"] = self.purchases.to_json()
        if self.enrolled is not None:
            document["enrolled"] = self.enrolled.to_json()
        if self.milestones is not None:
            document["milestones"] = self.milestones.row()
        if self.unsettled is not None:
            document["unsettled"] = self.unsettled.to_json()
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "LeadState":
        """Rebuild a state from ``to_json``, of this schema or an earlier one.

        Raises
        ------
        StateFormatError
            If the document is of a later schema or lacks what every state has.
        """
        document = upgraded(document)
        try:
            values = {k: v for k, v in document.items() if k not in {"v", "counts", "landmark_s"}}
            values["counts"] = DecayedCounts(
                document["landmark_s"], MAX_KINDS, document.get("counts")
            )
            values["recent_ids"] = dict(values.get("recent_ids", ()))
            if "unsettled" in values:
                values["unsettled"] = Unsettled.from_json(values["unsettled"])
            values["transitions"] = [OpenTransition(*t) for t in values.get("transitions", ())]
            values["samples"] = [Sample(*s) for s in values.get("samples", ())]
            values["open_vectors"] = {
                task: OpenVector(Sample(*sample), mail, positive_s)
                for task, (sample, mail, positive_s) in values.get("open_vectors", {}).items()
            }
            if values.get("enrolled") is not None:
                values["enrolled"] = Enrolment.from_json(values["enrolled"])
            if values.get("purchases") is not None:
                values["purchases"] = Purchases.from_json(values["purchases"])
            if values.get("milestones") is not None:
                values["milestones"] = MilestoneState.from_row(values["milestones"])
            state = cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateFormatError(
                f"lead state of {document.get('lead_id')!r:.140} is broken "
                f"({type(error).__name__}); "
                "run `leadstream state repair`"
            ) from error
        # What a restart needs of a state; `leadstream state check` looks at all of it.
        fits = isinstance(state.offset, int) and -(2**63) <= state.offset < 2**63
        fits = fits and isinstance(state.next_due_s, float | int | None)
        if fits and isinstance(state.lead_id, str):
            return state
        raise StateFormatError(
            "lead state is broken (lead_id is text, offset and next_due_s are numbers); "
            "run `leadstream state repair`"
        )


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Carry a state's document over to this schema, step by step.

    Logs keep histories that moved for longer than a release lasts, so earlier schemas stay
    readable.

    Raises
    ------
    StateFormatError
        If it is of no known schema.
    """
    version: Any = document.get("v") if isinstance(document, dict) else None
    while isinstance(version, int) and version in _UPGRADES:
        document = _UPGRADES[version](document)
        version = document["v"]
    if version != SCHEMA_VERSION:
        raise StateFormatError(
            f"lead state of schema {version!r:.40}, this leadstream reads 1 to {SCHEMA_VERSION}; "
            "run the release that wrote it, or a later one"
        )
    return document


_UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # Schema 2 changed how a state is stored, and added fields that start empty.
    1: lambda document: {**document, "v": 2},
}

_NAMES = tuple(f.name for f in fields(LeadState))
_VALUES = attrgetter(*_NAMES)
_DEFAULTS: tuple[Any, ...] = tuple(
    f.default_factory() if f.default_factory is not MISSING else f.default
    for f in fields(LeadState)
)
