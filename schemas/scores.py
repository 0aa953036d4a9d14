"""Topic ``lead-scores``: a lead's score changed, and why; a lead is in another segment."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Message, Probability, Timestamp

Tier = Literal["hot", "warm", "cold"]
Score = Annotated[float, Field(ge=0, le=100)]


class Reason(Message):
    """What one feature adds to the log-odds of ``p_convert``; ``text`` says it for people."""

    feature: str
    contribution: float
    text: str = ""


class Move(Message):
    """What one event changed in the log-odds since the lead was scored before.

    It includes the time that had passed, and a new version of the model where ``new_model`` says
    so. ``kind`` is what the event was (``page_view:pricing``), or ``absence``, ``merge``,
    ``correction``, or ``earlier`` for all that do not fit.
    """

    event_id: str
    kind: str
    text: str
    change: float
    new_model: bool


class Discounted(Message):
    """Events of a lead that machines made, and that therefore count nothing.

    ``reason`` says how they were recognised: ``known_agent`` (the agent says so),
    ``privacy_prefetch`` (Apple Mail fetches every mail's images), ``at_delivery`` (sooner after
    delivery than a person can), ``link_burst`` (many links of one mail at once).
    """

    kind: Literal["page_view", "form_fill", "email_open", "email_click"]
    count: int
    reason: Literal["known_agent", "privacy_prefetch", "at_delivery", "link_burst"]


class ScoreChanged(Message):
    """A lead's score moved by the configured amount, its tier changed, or it is the first.

    ``reasons`` sum to the log-odds of ``p_convert``: the largest contributions by name,
    the rest as ``other``, and ``baseline``, which every lead starts from.
    ``model_weight`` is the share of the learned model in the log-odds; the rest comes from
    the rule points, so 0 says that nothing has been learned yet.
    ``propensities`` are what else is predicted, by task: ``opens_mail``, ``returns_in_day``, of
    customers ``p_purchase`` (their next purchase within its horizon, of any product or of one).
    ``moved_by`` says which events since the last score that went out moved it by how much: their
    changes sum to the difference of the log-odds, for a first score to that from the baseline.
    ``discounted`` lists what mail scanners and crawlers did in the lead's name.
    """

    type: Literal["score_changed"] = "score_changed"
    lead_id: str
    score: Score
    previous_score: Score | None
    p_convert: Probability
    p_low: Probability
    p_high: Probability
    points: float
    tier: Tier
    previous_tier: Tier | None
    reasons: tuple[Reason, ...]
    propensities: dict[str, Probability] = Field(default_factory=dict)
    moved_by: tuple[Move, ...] = ()
    discounted: tuple[Discounted, ...] = ()
    model: str
    model_version: str
    model_weight: Probability
    cause_event_id: str
    occurred_at: Timestamp


class SegmentChanged(Message):
    """A lead came into a segment, or left it for another one.

    ``kind`` tells segments that were ``learned`` from those that the house defines by ``rule``.
    ``segment`` is an id that lasts, ``name`` says what sets its leads apart now.
    """

    type: Literal["segment_changed"] = "segment_changed"
    lead_id: str
    kind: Literal["learned", "rule"]
    segment: str | None
    previous_segment: str | None
    name: str | None
    model_version: str | None
    cause_event_id: str
    occurred_at: Timestamp
