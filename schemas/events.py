"""What every input event carries: who, when, and in which context."""

from schemas.base import Identifier, Json, Message, Timestamp


class Campaign(Message):
    """The campaign that brought the visitor."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None


class Context(Message):
    """Where and how the event happened; everything is optional, further keys are kept."""

    locale: str | None = None
    timezone: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    campaign: Campaign | None = None


class Event(Message):
    """The part that all events share.

    ``event_id`` names the event: the same id again, for the same lead, is a duplicate.
    """

    event_id: Identifier
    occurred_at: Timestamp
    context: Context | None = None


class LeadEvent(Event):
    """An event of one lead, who is named by ``lead_id``, ``anonymous_id`` or both."""

    lead_id: Identifier | None = None
    anonymous_id: Identifier | None = None


JsonObject = dict[str, Json]
