"""What stored states must look like: read whole, so that a fault is found before it is needed."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from schemas.base import fault_of
from stream.lead.decay import HALF_LIVES_S
from stream.lead.milestone_state import MAX_TOUCHES
from stream.lead.state import StateFormatError

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_COLUMNS = 1 + len(HALF_LIVES_S)

AtS = Annotated[float, Field(ge=-1e11, le=1e12)]
"""Epoch seconds; beyond these no calendar goes, and powers of two end."""
Amount = Annotated[float, Field(ge=0.0, le=1e150)]
Points = Annotated[float, Field(ge=-1e9, le=1e9)]
Score = Annotated[float, Field(ge=0.0, le=100.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
LogOdds = Annotated[float, Field(ge=-1e6, le=1e6)]
Offset = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Counts = Annotated[list[Amount], Field(min_length=_COLUMNS, max_length=_COLUMNS)]
Span = tuple[AtS, AtS]
JourneyStep = tuple[AtS, str, float]
StoredMoments = tuple[AtS, AtS, str, AtS, AtS | None]
StoredStep = tuple[AtS, AtS, str, str, list[str], Count, Count, str]
StoredUnsettled = tuple[
    StoredMoments,
    dict[str, tuple[Points, AtS] | None],
    list[StoredStep],
    list[JourneyStep],
]
"""As ``stream.lead.unsettled.Unsettled`` returns it."""
StoredVector = tuple[AtS, Probability, dict[str, float | str]]
StoredSample = StoredVector | tuple[AtS, Probability, dict[str, float | str], bool]
StoredOpenVector = tuple[StoredSample, Count, AtS | None]
StoredPurchases = tuple[Count, AtS, dict[str, int], dict[str, Count], list[StoredSample], Count]
"""As ``stream.lead.purchases.Purchases`` returns it."""
Address = Annotated[str, Field(min_length=1)]


StoredFeatures = dict[str, float | str]
StoredShadow = dict[str, str | list[dict[str, str | float]]]
Reward = Annotated[float, Field(ge=-1e15, le=1e15)]
StoredNext = tuple[StoredFeatures, list[str], Reward, AtS]
StoredTransition = (
    tuple[
        str, AtS, str, StoredFeatures, str, dict[str, Probability], str, str, bool, Reward,
        Reward | None, StoredNext | None, StoredShadow | None,
    ]
    | tuple[
        str, AtS, str, StoredFeatures, str, dict[str, Probability], str, str, bool, Reward,
        Reward | None, StoredNext | None,
    ]
)  # fmt: skip
"""As ``stream.lead.open_transition.OpenTransition`` returns it; once without a shadow."""
StoredText = tuple[AtS, str | None, float | None, list[str], str | None, bool]
StoredTouch = tuple[AtS, str, str | None]
StoredHistory = tuple[Count, int, int, int]
StoredTouches = Annotated[list[StoredTouch], Field(max_length=MAX_TOUCHES)]
StoredDeal = tuple[int, int, str] | None
StoredMilestones = (
    tuple[
        str | None, bool, AtS | None, StoredTouches, AtS | None, AtS | None, AtS,
        StoredHistory | None, StoredDeal, AtS | None, str | None, bool,
    ]
    | tuple[
        str | None, bool, AtS | None, StoredTouches, AtS | None, AtS | None, AtS,
        StoredHistory | None, StoredDeal,
    ]
)  # fmt: skip
"""As ``stream.lead.milestone_state.MilestoneState`` returns it; once without what cohorts need."""
StoredEnrolment = tuple[bool, Annotated[list[StoredSample], Field(max_length=1)]]
"""As ``stream.lead.enrolment.Enrolment`` returns it."""
StoredSpent = Annotated[list[Count], Field(min_length=3, max_length=3)]


@with_config({**_STRICT, "extra": "forbid"})
class StoredState(TypedDict):
    """A lead state in the changelog, as ``LeadState.to_json`` returns it."""

    v: int
    lead_id: Address
    first_at_s: AtS
    landmark_s: AtS
    counts: NotRequired[dict[str, Counts]]
    offset: NotRequired[Offset]
    last_at_s: NotRequired[AtS]
    before_last_s: NotRequired[AtS]
    last_active_s: NotRequired[AtS]
    last_kind: NotRequired[str]
    events: NotRequired[Count]
    sessions: NotRequired[Count]
    last_web_s: NotRequired[AtS]
    dwell_s: NotRequired[Amount]
    pages: NotRequired[list[Count]]
    attributes: NotRequired[dict[str, bool | float | str]]
    stage: NotRequired[str | None]
    stage_at_s: NotRequired[AtS]
    segment: NotRequired[Address | None]
    rule_segments: NotRequired[list[Address]]
    segments_due_s: NotRequired[AtS | None]
    consent: NotRequired[dict[str, tuple[bool, AtS]]]
    profile_at_s: NotRequired[AtS]
    ledger: NotRequired[dict[str, tuple[Points, AtS]]]
    recent_ids: NotRequired[list[tuple[int, AtS]]]
    samples: NotRequired[list[StoredSample]]
    sampled_of: NotRequired[Count]
    open_vectors: NotRequired[dict[str, StoredOpenVector]]
    session_noted_s: NotRequired[AtS]
    purchases: NotRequired[StoredPurchases | None]
    outcome: NotRequired[Literal["won", "lost"] | None]
    outcome_at_s: NotRequired[AtS]
    score: NotRequired[Score | None]
    p_convert: NotRequired[Probability | None]
    model_version: NotRequired[str]
    log_odds: NotRequired[LogOdds | None]
    moved_by: NotRequired[list[tuple[str, str, LogOdds, str]]]
    tier: NotRequired[Literal["cold", "warm", "hot"] | None]
    triggered_s: NotRequired[dict[str, AtS]]
    decisions: NotRequired[dict[str, tuple[str, str, AtS, AtS]]]
    transitions: NotRequired[list[StoredTransition]]
    enrolled: NotRequired[StoredEnrolment | None]
    contacts: NotRequired[list[tuple[AtS, str, str]]]
    texts: NotRequired[list[StoredText]]
    crm_stage_at_s: NotRequired[AtS | None]
    stage_due_s: NotRequired[AtS | None]
    absence_due_s: NotRequired[AtS | None]
    journey: NotRequired[list[JourneyStep]]
    conversion: NotRequired[tuple[Offset, list[AtS]] | None]
    milestones: NotRequired[StoredMilestones | None]
    overflows: NotRequired[Count]
    aliases: NotRequired[list[Address]]
    mails: NotRequired[list[tuple[Count, AtS | None, Span | None, AtS]] | None]
    unsettled: NotRequired[StoredUnsettled | None]
    discounted: NotRequired[dict[str, tuple[Count, AtS]] | None]
    forward_to: NotRequired[Address | None]
    next_due_s: NotRequired[AtS | None]


@with_config(_STRICT)
class StoredMeta(TypedDict):
    """What belongs to a partition and to no lead."""

    now_s: AtS
    next_offset: Count
    sources: dict[str, Offset]
    versions: dict[str, str]
    recent_s: list[AtS]
    budgets: NotRequired[tuple[str, dict[str, StoredSpent]]]
    inflow: NotRequired[tuple[Count, Count, dict[str, int], bool]]
    conversion_delays: NotRequired[dict[Annotated[str, Field(pattern=r"^\d{1,2}$")], Count]]


_STATE = TypeAdapter(StoredState)
_META = TypeAdapter(StoredMeta)


def check_state(body: bytes) -> None:
    """Read a stored lead state whole, which a restart has no time for.

    Raises
    ------
    StateFormatError
        With the field at fault.
    """
    _check(_STATE, body, "lead state")


def check_meta(body: bytes) -> None:
    """Read a partition's own record whole; raises StateFormatError with the field at fault."""
    _check(_META, body, "the partition's own record")


def _check(
    adapter: TypeAdapter[StoredState] | TypeAdapter[StoredMeta], body: bytes, what: str
) -> None:
    try:
        adapter.validate_json(body)
    except ValidationError as error:
        raise StateFormatError(
            f"{what} is broken: {fault_of(error)}; run `leadstream state repair`"
        ) from None
