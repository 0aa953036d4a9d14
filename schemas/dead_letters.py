"""Topic ``dead-letters``: every event that was refused, whole, with a typed reason."""

from typing import Literal

from schemas.base import Message, Timestamp

ReasonCode = Literal[
    "not_json",
    "unknown_type",
    "missing_field",
    "bad_value",
    "too_large",
    "too_late",
    "in_the_future",
    "forward_chain",
    "cannot_apply",
]


class DeadLetter(Message):
    """A refused event. ``value_base64`` holds the original bytes.

    ``topic``, ``partition`` and ``offset`` say where the event stood in its input topic.
    The original key is the record's key. What ``score`` refuses has left ``route`` already: its
    key is the lead, and email addresses in it are hashes, since the sender's may name a person.
    """

    type: Literal["dead_letter"] = "dead_letter"
    topic: str
    partition: int
    offset: int
    stage: Literal["route", "score"]
    reason: ReasonCode
    field: str | None
    message: str
    received_at: Timestamp
    value_base64: str
