"""What a decision sends: records for topics, as CloudEvents with ids that repeat with them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from schemas import topics
from stream.lead.hashing import stable_id
from stream.lead.sealing import Contents, Sealer

Headers = list[tuple[str, bytes]]

SOURCE = "/leadstream"
_SPECVERSION = ("ce_specversion", b"1.0")
_SOURCE = ("ce_source", SOURCE.encode())
_CONTENT_TYPE = ("content-type", b"application/json")
MAX_MESSAGE_CHARACTERS = 500
MAX_FIELD_CHARACTERS = 200

_FIRST_S = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST_S = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


class Output(NamedTuple):
    """A record to send: topic name without prefix, key, value, headers.

    ``label`` is what metrics count it under: a tier, a rule or a reason code.
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers
    label: str = ""


class Origin(NamedTuple):
    """Where a record stood in its topic, and when it was received (epoch seconds).

    ``endpoint`` is the webhook's that has not taken it.
    """

    topic: str
    partition: int
    offset: int
    received_s: float
    endpoint: str | None = None

    @property
    def position(self) -> str:
        """Topic, partition, offset and, of what is delivered, the endpoint as one text."""
        endpoint = "" if self.endpoint is None else f"/{self.endpoint}"
        return f"{self.topic}/{self.partition}/{self.offset}{endpoint}"


def encode_key(address: str) -> bytes:
    """Return an address as a record key."""
    return address.encode("utf-8", "surrogatepass")


def decode_key(key: bytes | None) -> str:
    """Return the address that a record key stands for."""
    return (key or b"").decode("utf-8", "surrogatepass")


def rfc3339(at_s: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC, to the microsecond; of the years 1 to 9999.

    A valid time with an offset can lie a day outside of what UTC can say: it is brought inside.

    >>> rfc3339(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    second, microsecond = divmod(round(max(_FIRST_S, min(_LAST_S, at_s)) * 1e6), 1_000_000)
    return f"{_second(second)}.{microsecond:06d}Z"


@lru_cache(64)
def _second(at_s: int) -> str:
    """Return a second's date and time: what is written at once mostly falls into few."""
    return datetime.fromtimestamp(at_s, UTC).isoformat()[:-6]


def epoch_s(timestamp: str) -> float:
    """Return an RFC 3339 timestamp, already validated, as epoch seconds."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:  # lower-case t and z are valid too, and rare
        return datetime.fromisoformat(timestamp.upper()).timestamp()


def cloud_event(
    topic: topics.Topic, lead_id: str, ce_id: str, value: dict[str, Any], label: str = ""
) -> Output:
    """Return an output as a CloudEvent 1.0 in Kafka's binary mode."""
    return Output(
        topic.name,
        encode_key(lead_id),
        orjson.dumps(value),
        [
            _SPECVERSION,
            ("ce_id", ce_id.encode()),
            _SOURCE,
            ("ce_type", b"leadstream." + value["type"].encode()),
            ("ce_time", value["occurred_at"].encode()),
            _CONTENT_TYPE,
        ],
        label,
    )


def forward(target: str, body: Mapping[str, Any]) -> Output:
    """Return a record on its way to the log that holds another address."""
    return Output(topics.LEAD_FORWARDS.name, encode_key(target), orjson.dumps(body), [])


def forwarded(target: str, event: Mapping[str, Any], path: Sequence[str] = ()) -> Output:
    """Return an event on its way to its lead, with the addresses that it has passed."""
    return forward(
        target, {"type": "forwarded", "to_lead_id": target, "path": list(path), "event": event}
    )


def dead_letter(
    sealer: Sealer,
    origin: Origin,
    key: bytes | None,
    value: bytes,
    *,
    stage: str,
    reason: str,
    field: str | None,
    message: str,
    detail: str | None = None,
) -> Output:
    """Return a refused record, whole where it is not too large, with the reason why.

    What the sender wrote is sealed, since it may be personal.

    Parameters
    ----------
    message
        What is wrong and what to do, without any value of the sender's.
    detail
        The same with the value, for who may open the letter.
    """
    contents = Contents.of(key, value, (detail or message)[:MAX_MESSAGE_CHARACTERS])
    message = message[:MAX_MESSAGE_CHARACTERS]
    if not contents.is_whole:
        message += f" (only the first {len(contents.value)} of {len(value)} bytes are kept)"
    received_at = rfc3339(origin.received_s)
    ce_id = stable_id("dead_letter", *origin.position.split("/"))
    body = {
        "type": "dead_letter",
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "stage": stage,
        "reason": reason,
        "field": None if field is None else field[:MAX_FIELD_CHARACTERS],
        "message": message,
        "received_at": received_at,
        "occurred_at": received_at,
        "sealed": sealer.seal(contents, origin.position),
    }
    if origin.endpoint is not None:
        body["endpoint"] = origin.endpoint
    output = cloud_event(topics.DEAD_LETTERS, "", ce_id, body, reason)
    del body["occurred_at"]
    headers = [*output.headers, ("reason", reason.encode())]
    return Output(output.topic, sealer.public_key(key), orjson.dumps(body), headers, reason)
