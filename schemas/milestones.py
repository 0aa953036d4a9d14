"""Milestones of leads' journeys: what reports are made of.

They do not say whose they are, but for one that says it by a keyed hash.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Currency, Message, Timestamp
from schemas.learning import FeatureValue, NotNegative
from schemas.scores import Tier

Text = Annotated[str, Field(min_length=1, max_length=256)]
Minor = Annotated[int, Field(ge=-(10**15), le=10**15)]


class Touch(Message):
    """A touchpoint: the channel and the campaign that brought the lead, and when."""

    channel: Text
    campaign: Text | None = None
    occurred_at: Timestamp


class PurchaseHistory(Message):
    """What lifetime value knows of a customer; days since 1970-01-01."""

    purchases: Annotated[int, Field(ge=1)]
    first_day: int
    last_day: int
    spend_minor: Minor


class Milestone(Message):
    """The part that all milestones share: when it was passed."""

    occurred_at: Timestamp


class LeadEntered(Milestone):
    """A lead was first heard of under a name of its own."""

    type: Literal["lead_entered"] = "lead_entered"
    source: Text


class StageLeft(Milestone):
    """A lead left a stage, for another one or for good; ``new`` is what it is in before the first.

    ``result`` is that of its journey where it ended there; ``silent`` after a horizon without a
    sign of the lead. ``is_after_end`` says that an outcome has ended the journey in this stage
    already, as where a CRM tells a deal once more by a stage for customers.
    """

    type: Literal["stage_left"] = "stage_left"
    stage: Text
    next_stage: Text | None = None
    result: Literal["won", "lost", "silent"] | None = None
    is_after_end: bool = False
    stayed_s: NotNegative


class JourneyEnded(Milestone):
    """A journey ended: by its outcome, or by silence to the horizon's end.

    ``tier`` is the last one before that, ``segment`` the one that the lead was in,
    ``first_segment`` the first that it came into before it was won, ``topics`` what it wrote about.
    ``entered_at`` and ``source`` are those of its entry. ``is_first_win`` says whether the lead
    became a customer by it; null where that was not looked at. ``is_holdout`` is null where no
    lead is held out. ``vectors`` are what the lead was scored with before, where a deal was won
    that is worth something: what deals will be worth is learned by them. Whose they are is not
    said; attributes of the profile are in them all the same.
    """

    type: Literal["journey_ended"] = "journey_ended"
    result: Literal["won", "lost", "silent"]
    entered_at: Timestamp
    source: Text
    tier: Tier | None = None
    segment: Text | None = None
    first_segment: Text | None = None
    topics: tuple[Text, ...] = ()
    is_first_win: bool | None = None
    is_holdout: bool | None = None
    value_minor: Minor | None = None
    currency: Currency | None = None
    touches: tuple[Touch, ...] = ()
    vectors: Annotated[tuple[dict[str, FeatureValue], ...], Field(max_length=8)] = ()


class PurchasesChanged(Milestone):
    """What is known of a customer's purchases changed: by one, by a merge, by an erasure.

    Histories in ``before`` are no more; ``after`` is there instead. ``value_minor`` is what was
    bought.
    """

    type: Literal["purchases_changed"] = "purchases_changed"
    before: tuple[PurchaseHistory, ...] = ()
    after: PurchaseHistory | None = None
    value_minor: Minor = 0
    currency: Currency


class CustomerActive(Milestone):
    """A customer gave the first sign of a month, counted from its winning."""

    type: Literal["customer_active"] = "customer_active"
    won_at: Timestamp
    month: Annotated[int, Field(ge=0, le=1_200)]
    source: Text
    first_segment: Text | None = None


class LeadAnswered(Milestone):
    """Somebody answered a lead that had asked: the time from its request on."""

    type: Literal["lead_answered"] = "lead_answered"
    response_s: NotNegative
    tier: Tier | None = None


class SatisfactionTold(Milestone):
    """A lead said how satisfied it is."""

    type: Literal["satisfaction_told"] = "satisfaction_told"
    score: NotNegative
    scale_max: Annotated[float, Field(gt=0)]


class SegmentSeen(Milestone):
    """A lead was looked at for its segment, after its 8th, 12th, 16th, 24th … event, or left it.

    ``lead_hash`` is a keyed hash: segments are learned of the newest ``x`` of each lead, which an
    erasure takes out again. ``x`` is empty of a lead that is no more: erased, forgotten or joined
    to another. ``entered_at`` is said with the first segment of a lead that has not been won.
    """

    type: Literal["segment_seen"] = "segment_seen"
    lead_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    x: dict[str, FeatureValue]
    previous_segment: Text | None = None
    segment: Text | None = None
    entered_at: Timestamp | None = None


class TextSeen(Milestone):
    """A text of a lead was read, or its texts are to be forgotten.

    ``lead_hash`` is a keyed hash: topics are learned of the newest texts' words, which an erasure
    takes out again. ``words`` are those that tell what it is about, each once, without stop words,
    names that a form or profile gives, addresses and numbers; empty of a lead whose texts go: it
    is erased, forgotten, joined to another or has withdrawn its consent. ``topic`` is the one that
    the text was put to, by the version in use.
    """

    type: Literal["text_seen"] = "text_seen"
    lead_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    words: Annotated[tuple[Text, ...], Field(max_length=64)]
    topic: Text | None = None


class InflowCounted(Milestone):
    """What came in within a minute on one partition: page views, forms by id, deals.

    ``minute`` counts from 1970-01-01. ``counts`` is empty where nothing came, which is said by the
    first partition alone. ``is_live`` says that events came when they occurred, and were not
    replayed.
    """

    type: Literal["inflow_counted"] = "inflow_counted"
    minute: Annotated[int, Field(ge=0, lt=2**40)]
    counts: dict[str, Minor]
    is_live: bool = False


MILESTONES = (
    LeadEntered,
    StageLeft,
    JourneyEnded,
    PurchasesChanged,
    CustomerActive,
    LeadAnswered,
    SatisfactionTold,
    SegmentSeen,
    TextSeen,
    InflowCounted,
)
