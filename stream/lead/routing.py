"""From a record of an input topic to records of the log, or to a dead letter with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from schemas import topics
from stream.lead import identity
from stream.lead.hashing import email_hash, stable_id
from stream.lead.outputs import (
    Headers,
    Origin,
    Output,
    dead_letter,
    encode_key,
    epoch_s,
)

SOURCE_HEADER = "source"
"""Header of a log record: topic/partition/offset of the input record it came from."""
PART_HEADER = "part"
"""Header that tells the log records of one input record apart; absent on the first."""
MAX_PARTS = 4
CLOCK_HEADER = "clock"
"""Header of a log record whose own time is the time (replayed events); absent when live."""

MAX_VALUE_BYTES = 1_000_000
WITH_EMAILS = frozenset({"form_fill", "lead_profile"})
"""Types that name a lead by ``email``, or by the attribute of that name."""
ACCEPTED_ELSEWHERE = frozenset({"cost"})
"""Valid types that concern no single lead, so that no lead state is folded from them."""


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818 - it is a verdict on an event, not a fault of ours
    """Why an event is refused: reason code, field and message."""

    reason: str
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of one input record: its event type, its outcome, and what to send."""

    event_type: str
    outcome: str
    outputs: tuple[Output, ...]


class Router:
    """Validates input records and addresses them to leads.

    Parameters
    ----------
    email_key
        The secret that email addresses are hashed with.
    replayed
        True where events bring their own time (replay, demo); then the log says so.
    future_tolerance_s
        How far ahead of the receiver's clock an event may be.
    """

    def __init__(
        self, email_key: bytes, *, replayed: bool = False, future_tolerance_s: float = 300.0
    ) -> None:
        self._email_key = email_key
        self._clock: Headers = [(CLOCK_HEADER, b"event")] if replayed else []
        self._future_tolerance_s = future_tolerance_s
        self._adapters: Mapping[str, TypeAdapter[Any]] = {
            t.name: t.adapter() for t in topics.INPUTS
        }

    def route(self, key: bytes | None, value: bytes | None, origin: Origin) -> Routed:
        """Return what an input record becomes; never raises for anything a sender can do."""
        headers = [
            (SOURCE_HEADER, f"{origin.topic}/{origin.partition}/{origin.offset}".encode()),
            *self._clock,
        ]
        if origin.topic == topics.LEAD_FORWARDS.name:
            # Written by leadstream itself inside a transaction: valid, and addressed by its key.
            forward = Output(topics.LEAD_EVENTS.name, key or b"", value or b"", headers)
            return Routed("forward", "accepted", (forward,))
        value = value or b""
        try:
            event, value = self._validate(value, origin)
            if event["type"] in ACCEPTED_ELSEWHERE:
                return Routed(event["type"], "accepted", ())
            address, links = self._resolve(event)
        except Refusal as refusal:
            letter = dead_letter(
                origin,
                key,
                value,
                stage="route",
                reason=refusal.reason,
                field=refusal.field,
                message=refusal.message,
            )
            return Routed("refused", refusal.reason, (letter,))
        erasure = event["type"] == "erasure"  # forgets every identifier, and joins none
        outputs = [
            Output(
                topics.LEAD_EVENTS.name,
                encode_key(weaker),
                value
                if erasure
                else orjson.dumps(
                    {
                        "type": "link",
                        "event_id": stable_id("link", event["event_id"], weaker),
                        "occurred_at": event["occurred_at"],
                        "to_lead_id": address,
                    }
                ),
                [*headers, (PART_HEADER, b"%d" % part)],
            )
            for part, weaker in enumerate(links, start=1)
        ]
        outputs.insert(0, Output(topics.LEAD_EVENTS.name, encode_key(address), value, headers))
        return Routed(event["type"], "accepted", tuple(outputs))

    def _validate(self, value: bytes, origin: Origin) -> tuple[dict[str, Any], bytes]:
        if len(value) > MAX_VALUE_BYTES:
            raise Refusal(
                "too_large",
                None,
                f"{len(value)} bytes, at most {MAX_VALUE_BYTES}; send long content by reference",
            )
        try:
            # orjson is the parser that reads the log later, and stricter than pydantic's (NaN).
            event = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise Refusal("not_json", None, f"not JSON (RFC 8259, UTF-8): {error}") from None
        try:
            self._adapters[origin.topic].validate_json(value)
        except ValidationError as error:
            raise _refusal(error, origin.topic) from None
        if epoch_s(event["occurred_at"]) > origin.received_s + self._future_tolerance_s:
            raise Refusal(
                "in_the_future",
                "occurred_at",
                f"occurred_at {event['occurred_at']} is more than {self._future_tolerance_s:g} s "
                "ahead; set the sender's clock",
            )
        if event["type"] not in ACCEPTED_ELSEWHERE:
            _check_ids(event)
        if identity.may_hold_email(value) or "email_hash" in event:
            event = self._without_emails(event)
            value = orjson.dumps(event)
        return event, value

    def _without_emails(self, event: dict[str, Any]) -> dict[str, Any]:
        """Replace addresses by their keyed hash, wherever; the lead's own is ``email_hash``."""
        event = {k: v for k, v in event.items() if k != "email_hash"}  # a sender's is not ours
        holder = event
        if event["type"] == "lead_profile":
            holder = event["attributes"] = dict(event["attributes"])
        email = holder.pop("email", None) if event["type"] in WITH_EMAILS else None
        event = identity.hide_emails(event, self._email_key)
        if isinstance(email, str) and identity.is_email(email):
            event["email_hash"] = email_hash(email, self._email_key)
        return event

    def _resolve(self, event: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        try:
            address, links = identity.addresses_of(event)
            if event["type"] == "lead_merge":
                identity.check_other("into_lead_id", event["into_lead_id"], address)
        except identity.IdentityError as error:
            raise Refusal(error.reason, error.field, str(error)) from None
        return address, links


def _check_ids(event: Mapping[str, Any]) -> None:
    # As they were sent: what hiding addresses makes of an id is ours, and would be refused.
    try:
        identity.check_ids(event)
    except identity.IdentityError as error:
        raise Refusal(error.reason, error.field, str(error)) from None


def _refusal(error: ValidationError, topic: str) -> Refusal:
    first = error.errors(include_url=False)[0]
    kind, message = first["type"], first["msg"].removeprefix("Value error, ")
    # A discriminated union puts the type in front of the field.
    loc = [str(p) for p in first["loc"]]
    if kind == "union_tag_not_found":
        return Refusal("missing_field", "type", "type is missing; say what the event is")
    if kind == "union_tag_invalid" or (loc[-1:] == ["type"] and kind == "literal_error"):
        known = ", ".join(next(t for t in topics.INPUTS if t.name == topic).types())
        return Refusal("unknown_type", "type", f"{topic} carries: {known}")
    if len(loc) > 1 and loc[0] in next(t for t in topics.INPUTS if t.name == topic).types():
        loc = loc[1:]
    field = ".".join(loc) or None
    if kind == "missing":
        return Refusal("missing_field", field, f"{field} is required")
    given = first["input"]
    shown = f"{given!r:.80}" if isinstance(given, str | int | float) else type(given).__name__
    return Refusal("bad_value", field, f"{field or 'value'} = {shown}: {message}")
