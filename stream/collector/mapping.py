"""From a message of the tracking API to an event of the contract.

The calls are those of Segment's spec: page, screen, track, identify, group, alias. A message
becomes one event; what it lacks its event lacks, and ``route`` says so.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stream.collector.attributes import company_attributes, person_attributes
from stream.collector.clocks import occurred_at
from stream.collector.identifiers import emails, event_id, lead_ids, plain_id
from stream.collector.tracked import tracked

CALLS = ("page", "screen", "track", "identify", "group", "alias")

_CONTEXT = {
    "locale": "locale",
    "timezone": "timezone",
    "ip": "ip",
    "userAgent": "user_agent",
    "campaign": "campaign",
}
"""What of a message's context an event keeps; traits and devices stay away."""


def event_of(
    call: str,
    message: Mapping[str, Any],
    *,
    sent_at: Any,
    received_s: float,
    fresh_id: Callable[[], str],
    user_agent: str | None = None,
) -> dict[str, Any]:
    """Return the event that a message is.

    Parameters
    ----------
    call
        One of ``CALLS``.
    sent_at
        When the request was sent, by the sender's clock, where the message itself does not say.
    received_s
        When it was received, epoch seconds.
    fresh_id
        Returns an id that was never used, for a message that has none.
    user_agent
        Of the browser that sent the message, where one did.

    Examples
    --------
    >>> event_of(
    ...     "page",
    ...     {"messageId": "m-1", "anonymousId": "v-1", "properties": {"url": "https://example.com/"}},
    ...     sent_at=None,
    ...     received_s=0.0,
    ...     fresh_id=str,
    ... )  # doctest: +NORMALIZE_WHITESPACE
    {'type': 'page_view', 'event_id': 'm-1', 'occurred_at': '1970-01-01T00:00:00.000000Z',
     'anonymous_id': 'v-1', 'url': 'https://example.com/'}
    """
    happened = message.get("timestamp") or message.get("originalTimestamp")
    own = _OWN_FIELDS[call](message)
    event = {
        "type": own.pop("type"),
        "event_id": event_id(message, fresh_id),
        "occurred_at": occurred_at(happened, message.get("sentAt") or sent_at, received_s),
        **lead_ids(message, emails(message, has_traits=call != "group")),
        **own,
    }
    if context := _context(message, user_agent):
        event["context"] = context
    return event


def _page(message: Mapping[str, Any]) -> dict[str, Any]:
    properties, page = _object(message, "properties"), _object(_object(message, "context"), "page")
    given = {
        "url": properties.get("url") or page.get("url") or properties.get("path")
        # A server knows its pages by name where it knows no address.
        or message.get("name") or properties.get("name"),
        "title": properties.get("title") or page.get("title"),
        "referrer": properties.get("referrer") or page.get("referrer"),
    }  # fmt: skip
    return {"type": "page_view", **{field: value for field, value in given.items() if value}}


def _screen(message: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(_object(message, "properties"))
    if name := message.get("name"):
        properties["name"] = name
    return tracked("screen", properties)


def _track(message: Mapping[str, Any]) -> dict[str, Any]:
    return tracked(message.get("event"), _object(message, "properties"))


def _identify(message: Mapping[str, Any]) -> dict[str, Any]:
    traits = _object(message, "traits") or _object(_object(message, "context"), "traits")
    return {"type": "lead_profile", "attributes": person_attributes(traits)}


def _group(message: Mapping[str, Any]) -> dict[str, Any]:
    attributes = company_attributes(_object(message, "traits"), plain_id(message.get("groupId")))
    return {"type": "lead_profile", "attributes": attributes}


def _alias(message: Mapping[str, Any]) -> dict[str, Any]:
    former, present = plain_id(message.get("previousId")), plain_id(message.get("userId"))
    visitor = plain_id(message.get("anonymousId"))
    if visitor is not None and former in {None, visitor}:
        # The visitor and the lead, who are linked by standing in one event.
        return {"type": "lead_profile", "attributes": {}}
    found: dict[str, Any] = {"type": "lead_merge", "lead_id": former}
    if present is not None:
        found["into_lead_id"] = present
    return found


_OWN_FIELDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "page": _page,
    "screen": _screen,
    "track": _track,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
}


def _context(message: Mapping[str, Any], user_agent: str | None) -> dict[str, Any]:
    given = _object(message, "context")
    kept = {ours: given[name] for name, ours in _CONTEXT.items() if given.get(name)}
    if user_agent:
        kept.setdefault("user_agent", user_agent)
    return kept


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}  # it comes from JSON
