"""From the messages of a request to records of the input topics."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import orjson

from stream.collector.consents import Purposes, consents_of, tells_only_consent
from stream.collector.mapping import CALLS, event_of
from stream.collector.refusals import RefusedRequestError
from stream.event_files import TOPIC_OF_TYPE, UNKNOWN_TYPE_TOPIC
from stream.lead.given_reasons import MAX_MESSAGE_BYTES, REASON_HEADER, REASONS
from stream.lead.outputs import Origin, Output, encode_key
from stream.lead.routing import Refusal, Router

Call = Literal["page", "screen", "track", "identify", "group", "alias"]


class Collected(NamedTuple):
    """What became of a message: its record, and why ``route`` will refuse it, if it will.

    ``label`` of the record is the type of its event, or ``refused``. ``before`` is what the message
    says of consent.
    """

    record: Output
    refusal: Refusal | None
    before: "tuple[Collected, ...]" = ()

    @property
    def fault(self) -> Refusal | None:
        """Return why something of it will be refused, if it will."""
        refusals = (item.refusal for item in (self, *self.before))
        return next((refusal for refusal in refusals if refusal is not None), None)

    def each(self) -> "Iterator[Collected]":
        """Yield it and what goes before it, in the order in which they are sent."""
        yield from self.before
        yield self


@dataclass(frozen=True, slots=True)
class Delivery:
    """What all messages of a request share.

    Parameters
    ----------
    sent_at
        When it was sent, by the sender's clock, as it says.
    received_s
        When it was received, epoch seconds.
    fresh_id
        Returns an id that was never used.
    user_agent
        Of the browser that sent it, where one did.
    """

    sent_at: Any
    received_s: float
    fresh_id: Callable[[], str]
    user_agent: str | None = None


class Collector:
    """Makes records of messages, all of them: what is not valid becomes a dead letter in ``route``.

    Parameters
    ----------
    router
        Tells beforehand what ``route`` will refuse, so that the sender hears of it.
    purposes
        What categories of consent stand for.
    """

    def __init__(self, router: Router, purposes: Purposes = MappingProxyType({})) -> None:
        self._router = router
        self._purposes = purposes

    def collect(self, message: Any, call: Call | None, delivery: Delivery) -> Collected:
        """Return the record that a message becomes.

        Parameters
        ----------
        call
            What the message is; None where it says so itself, as in a batch.

        Raises
        ------
        RefusedRequestError
            If it is nested so deep that it cannot be written down again.
        """
        reason = _reason_against(message, call)
        if reason is not None:
            return refused(message, reason)
        event = event_of(
            call or message["type"],
            message,
            sent_at=delivery.sent_at,
            received_s=delivery.received_s,
            fresh_id=delivery.fresh_id,
            user_agent=delivery.user_agent,
        )
        own = self.collect_event(event, delivery.received_s)
        before = tuple(
            self.collect_event(consent, delivery.received_s)
            for consent in consents_of(message, event, self._purposes)
        )
        if not before:
            return own
        if tells_only_consent(message):
            *before_last, own = before
            before = tuple(before_last)
        return Collected(own.record, own.refusal, before)

    def collect_event(self, event: Mapping[str, Any], received_s: float) -> Collected:
        """Return the record of an event of the contract."""
        topic, value = TOPIC_OF_TYPE[event["type"]], _written(event)
        owner = event.get("lead_id") or event.get("anonymous_id")
        key = encode_key(owner) if isinstance(owner, str) else b""
        record = Output(topic, key, value, [], event["type"])
        try:
            self._router.check(value, Origin(topic, 0, 0, received_s))
        except Refusal as refusal:
            return Collected(record, refusal)
        return Collected(record, None)


def refused(message: Any, reason: str) -> Collected:
    """Return the record of a message that is no event: whole, with the reason beside it."""
    headers = [(REASON_HEADER, reason.encode())]
    record = Output(UNKNOWN_TYPE_TOPIC, b"", _written(message), headers, "refused")
    return Collected(record, REASONS[reason])


def _reason_against(message: Any, call: Call | None) -> str | None:
    if not isinstance(message, dict):
        return "message_no_object"
    if call is not None:
        return None  # its size is that of the body, which is known
    if len(_written(message)) > MAX_MESSAGE_BYTES:
        return "message_too_large"
    kind = message.get("type")
    if kind is None:
        return "message_type_missing"
    return None if kind in CALLS else "message_type_unknown"


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise RefusedRequestError(
            400,
            "a message is nested more than 250 deep; flatten it, or send the inner part as text",
        ) from None
