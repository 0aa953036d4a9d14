"""A message on its way to one endpoint: made of a record, stored while it waits, sent again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from schemas.webhooks import WebhookDelivery
from stream.lead.outputs import decode_key, encode_key, epoch_s, rfc3339

CONTENT_TYPE = "content-type"
_CE = "ce_"
_PRINTABLE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')


class Source(NamedTuple):
    """Where a message stands: topic without prefix, partition, offset."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for one endpoint, and how far its delivery is.

    Parameters
    ----------
    webhook_id
        Its ``ce_id``: the same for every attempt, and for a repeat of the message.
    lead_id
        Whose it is.
    headers
        Its CloudEvents attributes by HTTP's names, in binary mode.
    body
        The message as it stands in Kafka.
    received_s
        When it came into Kafka, or was sent again by hand; epoch seconds.
    due_s
        When it is tried next, epoch seconds.
    attempts
        How many there were.
    failure
        Why the last one failed.
    """

    endpoint: str
    webhook_id: str
    source: Source
    lead_id: str
    headers: Mapping[str, str]
    body: bytes
    received_s: float
    due_s: float
    attempts: int = 0
    failure: str | None = None

    @property
    def lane(self) -> tuple[str, str]:
        """Within which order can be kept: the messages of a lead in one topic."""
        return self.source.topic, self.lead_id

    @property
    def key(self) -> bytes:
        """The key that it is stored under."""
        return encode_key(f"{self.endpoint}/{self.webhook_id}")

    def failed(self, failure: str, due_s: float) -> "Delivery":
        """Return it after one more attempt that failed."""
        return replace(self, attempts=self.attempts + 1, failure=failure, due_s=due_s)

    def stored(self) -> bytes:
        """Return it as a record of ``webhook-deliveries``."""
        return orjson.dumps(
            {
                "type": "webhook_delivery",
                "endpoint": self.endpoint,
                "webhook_id": self.webhook_id,
                "lead_id": self.lead_id,
                "topic": self.source.topic,
                "partition": self.source.partition,
                "offset": self.source.offset,
                "attempts": self.attempts,
                "received_at": rfc3339(self.received_s),
                "next_attempt_at": rfc3339(self.due_s),
                "failure": self.failure,
                "headers": dict(self.headers),
                "event": orjson.Fragment(self.body),
            }
        )


def of_record(
    endpoint: str,
    source: Source,
    key: bytes | None,
    body: bytes,
    headers: Mapping[str, bytes],
    received_s: float,
) -> Delivery:
    """Return the delivery of an output to an endpoint, due at once.

    Raises
    ------
    KeyError
        If the record has no ``ce_id``: it is none of leadstream's outputs.
    """
    return Delivery(
        endpoint=endpoint,
        webhook_id=headers["ce_id"].decode(),
        source=source,
        lead_id=decode_key(key),
        headers=http_headers(headers),
        body=body,
        received_s=received_s,
        due_s=received_s,
    )


def http_headers(headers: Mapping[str, bytes]) -> dict[str, str]:
    """Return CloudEvents attributes of a record as HTTP has them in binary mode.

    >>> http_headers({"ce_id": b"6f0c", "ce_type": "t\u00e9".encode(), "content-type": b"x/y"})
    {'ce-id': '6f0c', 'ce-type': 't%C3%A9', 'content-type': 'x/y'}
    """
    found = {
        f"ce-{name.removeprefix(_CE)}": quote(value, safe=_PRINTABLE)
        for name, value in headers.items()
        if name.startswith(_CE)
    }
    found[CONTENT_TYPE] = headers.get(CONTENT_TYPE, b"application/json").decode("ascii", "replace")
    return found


def of_stored(value: bytes) -> Delivery:
    """Return a delivery from its record.

    Raises
    ------
    ValueError
        If it is none of this release.
    """
    WebhookDelivery.model_validate_json(value)
    found: dict[str, Any] = orjson.loads(value)
    return Delivery(
        endpoint=found["endpoint"],
        webhook_id=found["webhook_id"],
        source=Source(found["topic"], found["partition"], found["offset"]),
        lead_id=found["lead_id"],
        headers=found["headers"],
        body=orjson.dumps(found["event"]),
        received_s=epoch_s(found["received_at"]),
        due_s=epoch_s(found["next_attempt_at"]),
        attempts=found["attempts"],
        failure=found["failure"],
    )


def anew(value: bytes, now_s: float) -> Delivery:
    """Return a stored delivery as if its message had come now: all attempts are before it.

    Raises
    ------
    ValueError
        If it is none of this release.
    """
    return replace(of_stored(value), received_s=now_s, due_s=now_s, attempts=0, failure=None)
