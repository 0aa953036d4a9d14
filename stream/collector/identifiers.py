"""Whose message it is, and which: ids of the tracking API as ids of an event."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from stream.lead.hashing import stable_id

MAX_ID_CHARACTERS = 128
_TIMES = ("timestamp", "originalTimestamp")
_OF_DELIVERY = frozenset({"sentAt", "writeKey"})
"""What a repeated delivery changes in a message, though it is the same message."""


def lead_ids(message: Mapping[str, Any], emails: Iterable[str]) -> dict[str, Any]:
    """Return ``lead_id`` and ``anonymous_id`` of a message, as far as it has them.

    ``userId`` names the lead, ``anonymousId`` the visitor. A message with neither is its email
    address's, where it has one. Empty ids are none; what is no text and no whole number is left as
    it is, to be refused.

    Examples
    --------
    >>> lead_ids({"userId": 17, "anonymousId": "v-1"}, [])
    {'lead_id': '17', 'anonymous_id': 'v-1'}
    >>> lead_ids({"userId": ""}, ["jane@example.com"])
    {'lead_id': 'jane@example.com'}
    """
    found = {}
    for name, given in (("lead_id", "userId"), ("anonymous_id", "anonymousId")):
        value = plain_id(message.get(given))
        if value is not None:
            found[name] = value
    if not found and (email := next(iter(emails), None)):
        found["lead_id"] = email
    return found


def plain_id(value: Any) -> Any:
    """Return an id as text; None for an empty one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else value


def emails(message: Mapping[str, Any], *, has_traits: bool) -> Iterator[str]:
    """Yield the email addresses that a message gives for its person, the plainest first.

    ``has_traits`` tells whether the message's traits are the person's, and not a company's.
    """
    context = message.get("context")
    holders = [message.get("traits") if has_traits else None, message.get("properties")]
    if isinstance(context, dict):
        holders.append(context.get("traits"))
    for holder in holders:
        email = holder.get("email") if isinstance(holder, dict) else None
        if isinstance(email, str) and email:
            yield email


def event_id(message: Mapping[str, Any], fresh_id: Callable[[], str]) -> str:
    """Return the id of a message's event: the same for the same message delivered again.

    It is the ``messageId``. A message without one is known by its contents where it says when it
    happened; else two alike may be two events, and each delivery is one of its own.

    Parameters
    ----------
    fresh_id
        Returns an id that was never used.
    """
    given = plain_id(message.get("messageId"))
    if isinstance(given, str):
        return given if len(given) <= MAX_ID_CHARACTERS else stable_id("message", given)
    if not any(message.get(name) for name in _TIMES):
        return fresh_id()
    contents = {name: value for name, value in message.items() if name not in _OF_DELIVERY}
    return stable_id("message", orjson.dumps(contents, option=orjson.OPT_SORT_KEYS).decode())
