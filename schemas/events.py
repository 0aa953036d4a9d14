"""What every input event carries: who, when, and in which context."""

from typing import Annotated

from pydantic import Field

from schemas.base import Identifier, Json, Message, Timestamp


class Event(Message):
    """The part that all events share.

    ``event_id`` names the event: the same id again, for the same lead, is a duplicate.
    """

    event_id: Identifier
    occurred_at: Timestamp
    context: Annotated[
        Json,
        Field(
            description="Where and how it happened: locale, timezone, ip, user_agent, "
            "campaign {source, medium, name}; any JSON is taken."
        ),
    ] = None


class LeadEvent(Event):
    """An event of one lead, who is named by ``lead_id``, ``anonymous_id`` or both."""

    lead_id: Identifier | None = None
    anonymous_id: Identifier | None = None


JsonObject = dict[str, Json]
