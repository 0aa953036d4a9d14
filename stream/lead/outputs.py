"""What a decision sends: records for topics, as CloudEvents with ids that repeat with them."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas import topics
from stream.lead.hashing import stable_id

Headers = list[tuple[str, bytes]]

SOURCE = "/leadstream"

MAX_LETTER_VALUE_BYTES = 1_000_000
MAX_LETTER_KEY_BYTES = 10_000
MAX_LETTER_FIELD_CHARACTERS = 128
MAX_LETTER_MESSAGE_CHARACTERS = 512
"""A dead letter is no larger than this: one that Kafka does not take would stop the stream."""

_FIRST_S = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST_S = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


@dataclass(frozen=True, slots=True)
class Output:
    """A record to send: topic name without prefix, key, value, headers.

    ``label`` is what metrics count it under: a tier, a rule or a reason code.
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers
    label: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record stood in its input topic, and when it was received (epoch seconds)."""

    topic: str
    partition: int
    offset: int
    received_s: float


def encode_key(address: str) -> bytes:
    """Return an address as a record key."""
    return address.encode("utf-8", "surrogatepass")


def rfc3339(at_s: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC, to the microsecond; of the years 1 to 9999.

    A valid time with an offset can lie a day outside of what UTC can say: it is brought inside.

    >>> rfc3339(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    at_s = max(_FIRST_S, min(_LAST_S, at_s))
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def epoch_s(timestamp: str) -> float:
    """Return an RFC 3339 timestamp, already validated, as epoch seconds."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:  # lower-case t and z are valid too, and rare
        return datetime.fromisoformat(timestamp.upper()).timestamp()


def cloud_event(
    topic: topics.Topic, lead_id: str, ce_id: str, value: dict[str, Any], label: str
) -> Output:
    """Return an output as a CloudEvent 1.0 in Kafka's binary mode."""
    return Output(
        topic.name,
        encode_key(lead_id),
        orjson.dumps(value),
        [
            ("ce_specversion", b"1.0"),
            ("ce_id", ce_id.encode()),
            ("ce_source", SOURCE.encode()),
            ("ce_type", f"leadstream.{value['type']}".encode()),
            ("ce_time", value["occurred_at"].encode()),
            ("content-type", b"application/json"),
        ],
        label,
    )


def dead_letter(
    origin: Origin,
    key: bytes | None,
    value: bytes,
    *,
    stage: str,
    reason: str,
    field: str | None,
    message: str,
) -> Output:
    """Return a refused record, whole where it is not too large, with the reason why.

    Its headers hold the reason only: values may be personal, headers are logged.
    """
    received_at = rfc3339(origin.received_s)
    kept = value[:MAX_LETTER_VALUE_BYTES]
    message = _shortened(message, MAX_LETTER_MESSAGE_CHARACTERS)
    if len(kept) < len(value):
        message += f" (of {len(value)} bytes, value_base64 holds the first {len(kept)})"
    ce_id = stable_id("dead_letter", origin.topic, str(origin.partition), str(origin.offset))
    body = {
        "type": "dead_letter",
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "stage": stage,
        "reason": reason,
        "field": None if field is None else _shortened(field, MAX_LETTER_FIELD_CHARACTERS),
        "message": message,
        "received_at": received_at,
        "occurred_at": received_at,
        "value_base64": b64encode(kept).decode(),
    }
    output = cloud_event(topics.DEAD_LETTERS, "", ce_id, body, reason)
    del body["occurred_at"]
    headers = [*output.headers, ("reason", reason.encode())]
    short_key = (key or b"")[:MAX_LETTER_KEY_BYTES]
    return Output(output.topic, short_key, orjson.dumps(body), headers, reason)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
