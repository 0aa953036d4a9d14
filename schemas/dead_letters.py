"""Topics ``dead-letters`` and ``dead-letter-replays``: what was refused, and what became of it."""

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
    "undelivered",
]


class DeadLetter(Message):
    """A refused event: why, in plain; the event itself sealed (``leadstream dead-letters show``).

    Of stage ``deliver`` it is an output that the ``endpoint`` of a webhook has not taken.

    ``topic``, ``partition`` and ``offset`` say where the event stood in its input topic.
    ``message`` repeats nothing that the sender wrote. ``sealed`` is base64 of the original key and
    value and of a message that shows the value, encrypted with AES-SIV (RFC 5297).
    """

    type: Literal["dead_letter"] = "dead_letter"
    topic: str
    partition: int
    offset: int
    stage: Literal["route", "score", "deliver"]
    reason: ReasonCode
    field: str | None
    message: str
    received_at: Timestamp
    sealed: str
    endpoint: str | None = None

    @property
    def letter_id(self) -> str:
        """TOPIC/PARTITION/OFFSET of the refused event, and /ENDPOINT where one has refused it."""
        endpoint = "" if self.endpoint is None else f"/{self.endpoint}"
        return f"{self.topic}/{self.partition}/{self.offset}{endpoint}"


class DeadLetterReplayed(Message):
    """A refused event was sent again, in the same transaction as this record."""

    type: Literal["dead_letter_replayed"] = "dead_letter_replayed"
    letter_id: str
    replayed_at: Timestamp
    patched: bool
