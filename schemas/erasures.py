"""Topic ``erasures``: which leads were forgotten, and what of them ends later; names nobody."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Message, Timestamp


class Remainder(Message):
    """What stays in a topic, and until when; null for as long as the topic is there."""

    topic: str
    what: str
    until: Timestamp | None


class LeadErased(Message):
    """A lead was forgotten.

    ``erasure_id`` is made from the id of the event that asked for it, ``lead_hash`` from the lead's
    address with a secret. ``addresses`` counts the lead's own and those that pointed at it.
    ``occurred_at`` is when erasure was asked for; events up to ``erased_at`` stay away for good.
    """

    type: Literal["lead_erased"] = "lead_erased"
    erasure_id: str
    lead_hash: str
    addresses: Annotated[int, Field(ge=1)]
    erased_at: Timestamp
    remains: tuple[Remainder, ...]
    occurred_at: Timestamp
