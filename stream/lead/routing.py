"""From a record of an input topic to records of the log, or to a dead letter with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from schemas import topics
from stream.lead import identity
from stream.lead.hashing import stable_id
from stream.lead.outputs import (
    Headers,
    Origin,
    Output,
    dead_letter,
    decode_key,
    encode_key,
    epoch_s,
    forwarded,
)
from stream.lead.own_fields import EMAIL_HASH, rewritten
from stream.lead.sealing import Sealer
from stream.lead.text_reading import TEXT_READING, ReadsTexts, read

SOURCE_HEADER = "source"
"""Header of a log record: topic/partition/offset of the input record it came from."""
PART_HEADER = "part"
"""Header that tells the log records of one input record apart; absent on the first."""
MAX_PARTS = 4
CLOCK_HEADER = "clock"
"""Header of a log record whose own time is the time (replayed events); absent when live."""

MAX_VALUE_BYTES = 1_000_000
ACCEPTED_ELSEWHERE = frozenset({"cost"})
"""Valid types that concern no single lead, so that no lead state is folded from them."""


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818 - it is a verdict on an event, not a fault of ours
    """Why an event is refused: reason code, field and message; ``detail`` shows the value too."""

    reason: str
    field: str | None
    message: str
    detail: str | None = None


FAULT_OF_OURS = Refusal(
    "cannot_apply",
    None,
    "leadstream failed at this event, which is a fault of leadstream; report it, and replay the "
    "letter with a release that mends it",
)


class Routed(NamedTuple):
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
    sealer
        Seals what is refused.
    replayed
        True where events bring their own time (replay, demo); then the log says so.
    future_tolerance_s
        How far ahead of the receiver's clock an event may be.
    reader
        Reads the texts of events; None leaves them unread.
    """

    def __init__(
        self,
        email_key: bytes,
        sealer: Sealer,
        *,
        replayed: bool = False,
        future_tolerance_s: float = 300.0,
        reader: ReadsTexts | None = None,
    ) -> None:
        self._email_key = email_key
        self._sealer = sealer
        self._clock: Headers = [(CLOCK_HEADER, b"event")] if replayed else []
        self._future_tolerance_s = future_tolerance_s
        self._reader = reader
        self._adapters: Mapping[str, TypeAdapter[Any]] = {
            t.name: t.adapter() for t in topics.INPUTS
        }

    def route(
        self,
        key: bytes | None,
        value: bytes | None,
        origin: Origin,
        now_s: float | None = None,
    ) -> Routed:
        """Return what an input record becomes; never raises for anything a sender can do.

        Parameters
        ----------
        now_s
            The receiver's clock, epoch seconds, against which an event's time is checked; by
            default the time at which the record arrived in its topic, which a sender may set.
        """
        headers = [
            (SOURCE_HEADER, origin.position.encode()),
            *self._clock,
        ]
        if origin.topic == topics.LEAD_FORWARDS.name:
            # Written by leadstream itself inside a transaction: valid, and addressed by its key.
            forward = Output(topics.LEAD_EVENTS.name, key or b"", value or b"", headers)
            return Routed("forward", "accepted", (forward,))
        value = value or b""
        try:
            event, checked = self._validate(value, origin, now_s)
            if event["type"] in ACCEPTED_ELSEWHERE:
                return Routed(event["type"], "accepted", ())
            address, links = self._resolve(event)
        except Refusal as refusal:
            return self._refused(key, value, origin, refusal)
        outputs = tuple(_log_records(event, checked, address, links, headers))
        return Routed(event["type"], "accepted", outputs)

    def set_aside(
        self,
        key: bytes | None,
        value: bytes | None,
        origin: Origin,
        refusal: Refusal = FAULT_OF_OURS,
    ) -> Routed:
        """Refuse a record unread: by default one that ``route`` failed at, so that it goes on."""
        return self._refused(key, value or b"", origin, refusal)

    def _refused(self, key: bytes | None, value: bytes, origin: Origin, refusal: Refusal) -> Routed:
        letter = dead_letter(
            self._sealer,
            origin,
            key,
            value,
            stage="route",
            reason=refusal.reason,
            field=refusal.field,
            message=refusal.message,
            detail=refusal.detail,
        )
        return Routed("refused", refusal.reason, (letter,))

    def check(self, value: bytes, origin: Origin) -> tuple[dict[str, Any], str | None]:
        """Return what an input record's event would be in the log, and its lead's address if any.

        Raises
        ------
        Refusal
            If ``route`` would refuse it.
        """
        event, _ = self._validate(value, origin)
        if event["type"] in ACCEPTED_ELSEWHERE:
            return event, None
        return event, self._resolve(event)[0]

    def forward(self, value: bytes, origin: Origin) -> tuple[Output, ...]:
        """Return what sends an event of the log to its lead once more, links and all.

        It has passed ``route``, which left of an email address its hash alone: sent in as new it
        would no longer be its lead's. So it travels as forwarded events do.

        Raises
        ------
        Refusal
            If it is not valid, which only a change to it can bring about.
        """
        event, value = self._validate(value, origin, is_ours=True)
        address, links = self._resolve(event)
        return tuple(
            forwarded(decode_key(record.key), orjson.loads(record.value or b""))
            for record in _log_records(event, value, address, links, [])
        )

    def _validate(
        self, value: bytes, origin: Origin, now_s: float | None = None, *, is_ours: bool = False
    ) -> tuple[dict[str, Any], bytes]:
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
        received_s = origin.received_s if now_s is None else now_s
        if epoch_s(event["occurred_at"]) > received_s + self._future_tolerance_s:
            raise Refusal(
                "in_the_future",
                "occurred_at",
                f"occurred_at is more than {self._future_tolerance_s:g} s ahead; set the sender's "
                "clock",
                f"occurred_at {event['occurred_at']} is more than {self._future_tolerance_s:g} s "
                "ahead; set the sender's clock",
            )
        if event["type"] not in ACCEPTED_ELSEWHERE:
            _check_ids(event)
        # Before addresses are hashed, which a reader knows for what they are.
        is_read = is_ours and TEXT_READING in event
        reading = None if self._reader is None or is_read else read(event, self._reader)
        if (
            reading is not None
            or identity.may_hold_email(value)
            or EMAIL_HASH in event
            or TEXT_READING in event
        ):
            event = rewritten(event, self._email_key, reading, is_ours=is_ours)
            value = orjson.dumps(event)
            if len(value) > MAX_VALUE_BYTES:
                raise Refusal(
                    "too_large",
                    None,
                    f"{len(value)} bytes with its email addresses hashed and its text read, at "
                    f"most {MAX_VALUE_BYTES}; send long content by reference",
                )
        return event, value

    def _resolve(self, event: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        try:
            address, links = identity.addresses_of(event)
            if event["type"] == "lead_merge":
                identity.check_other("into_lead_id", event["into_lead_id"], address)
        except identity.IdentityError as error:
            raise _unidentified(error) from None
        return address, links


def _log_records(
    event: Mapping[str, Any], value: bytes, address: str, links: Sequence[str], headers: Headers
) -> Iterator[Output]:
    """Yield what goes into the log: the event itself, then what links the weaker addresses."""
    yield Output(topics.LEAD_EVENTS.name, encode_key(address), value, headers)
    for part, weaker in enumerate(links, start=1):
        link = {
            "type": "link",
            "event_id": stable_id("link", event["event_id"], weaker),
            "occurred_at": event["occurred_at"],
            "to_lead_id": address,
        }
        # An erasure forgets every identifier, and joins none.
        linked = value if event["type"] == "erasure" else orjson.dumps(link)
        marked = [*headers, (PART_HEADER, b"%d" % part)]
        yield Output(topics.LEAD_EVENTS.name, encode_key(weaker), linked, marked)


def _check_ids(event: Mapping[str, Any]) -> None:
    # As they were sent: what hiding addresses makes of an id is ours, and would be refused.
    try:
        identity.check_ids(event)
    except identity.IdentityError as error:
        raise _unidentified(error) from None


def _unidentified(error: identity.IdentityError) -> Refusal:
    detail = None if error.value is None else f"{error.value!r:.80}: {error}"
    return Refusal(error.reason, error.field, str(error), detail)


def _refusal(error: ValidationError, topic: str) -> Refusal:
    first = error.errors(include_url=False)[0]
    kind, message = first["type"], first["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":  # it is JSON, for it was parsed before
        message = "nested more than 200 deep; flatten it, or send the inner part as text"
        return Refusal("bad_value", None, message)
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
    name = field or "value"
    return Refusal("bad_value", field, f"{name}: {message}", f"{name} = {shown}: {message}")
