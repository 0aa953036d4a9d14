"""What ``route`` alone may say of an event: its lead's hashed email address, what its text says."""

from collections.abc import Mapping
from typing import Any

from stream.lead import identity
from stream.lead.hashing import email_hash
from stream.lead.text_reading import TEXT_READING

EMAIL_HASH = "email_hash"
OUR_FIELDS = frozenset({EMAIL_HASH, TEXT_READING})
"""Fields that ``route`` puts on events of the log; a sender's own of these names are dropped."""
WITH_EMAILS = frozenset({"form_fill", "lead_profile"})
"""Types that name a lead by ``email``, or by the attribute of that name."""


def rewritten(
    given: Mapping[str, Any], key: bytes, reading: Mapping[str, Any] | None, *, is_ours: bool
) -> dict[str, Any]:
    """Return an event with email addresses replaced by their keyed hash, wherever, and our fields.

    Parameters
    ----------
    key
        The secret that email addresses are hashed with.
    reading
        What its text says, where that was read.
    is_ours
        Whether it comes from the log, so that it has our fields already.
    """
    event: dict[str, Any] = {k: v for k, v in given.items() if k not in OUR_FIELDS}
    holder = event
    if event["type"] == "lead_profile":
        holder = event["attributes"] = dict(event["attributes"])
    email = holder.pop("email", None) if event["type"] in WITH_EMAILS else None
    event = identity.hide_emails(event, key)
    if isinstance(email, str) and identity.is_email(email):
        event[EMAIL_HASH] = email_hash(email, key)
    if is_ours and isinstance(given.get(EMAIL_HASH), str):
        event.setdefault(EMAIL_HASH, given[EMAIL_HASH])
    if is_ours and isinstance(given.get(TEXT_READING), dict):
        reading = given[TEXT_READING]
    if reading is not None:
        event[TEXT_READING] = reading
    return event
