"""What a message's context says of consent, as events of the contract.

Segment's consent object stands in every message (``context.consent.categoryPreferences``: category
-> granted or not); which of a house's purposes a category is, the house says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.lead.hashing import stable_id

PREFERENCE_UPDATED = "segment consent preference updated"
"""The track call that tells of consent and nothing else, in lower case."""

Purposes = Mapping[str, Sequence[str]]
"""Purpose -> categories, as senders name them; without regard to case."""


def parse_purposes(text: str) -> dict[str, tuple[str, ...]]:
    """Return the purposes that categories stand for, from ``CATEGORY=PURPOSE`` with commas between.

    Raises
    ------
    ValueError
        If an item is none, with what to do.

    Examples
    --------
    >>> parse_purposes("Analytics=scoring, C0002=scoring, Advertising=nurturing")
    {'scoring': ('Analytics', 'C0002'), 'nurturing': ('Advertising',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for item in filter(None, map(str.strip, text.split(","))):
        category, _, purpose = (part.strip() for part in item.rpartition("="))
        if not category or not purpose:
            raise ValueError(
                f"{item!r} names no category and purpose; give CATEGORY=PURPOSE with commas "
                "between, like Analytics=scoring"
            )
        found[purpose] = (*found.get(purpose, ()), category)
    return found


def consents_of(
    message: Mapping[str, Any], event: Mapping[str, Any], purposes: Purposes
) -> list[dict[str, Any]]:
    """Return the consent events that go before a message's own event.

    Of several categories of one purpose all have to be granted. A category that the message does
    not have says nothing. What is neither true nor false is left so, to be refused.

    Parameters
    ----------
    event
        What the message itself became: its lead, id and time are those of the consent.

    Examples
    --------
    >>> message = {"context": {"consent": {"categoryPreferences": {"Advertising": False}}}}
    >>> event = {"event_id": "e", "occurred_at": "2026-03-01T09:30:00Z", "lead_id": "lead-1"}
    >>> (consent,) = consents_of(message, event, {"nurturing": ["advertising"]})
    >>> consent["purpose"], consent["granted"], consent["lead_id"]
    ('nurturing', False, 'lead-1')
    """
    said = _preferences(message)
    ids = {name: event[name] for name in ("lead_id", "anonymous_id") if name in event}
    found: list[dict[str, Any]] = []
    if not said or not ids:
        return found
    for purpose, categories in purposes.items():
        answers = [said[c.casefold()] for c in categories if c.casefold() in said]
        if answers:
            found.append(
                {
                    "type": "consent",
                    "event_id": stable_id("consent", event["event_id"], purpose),
                    "occurred_at": event["occurred_at"],
                    **ids,
                    "purpose": purpose,
                    "granted": _all_of(answers),
                }
            )
    return found


def tells_only_consent(message: Mapping[str, Any]) -> bool:
    """Tell whether a message is there for its consent alone."""
    name = message.get("event")
    return isinstance(name, str) and name.casefold() == PREFERENCE_UPDATED


def _preferences(message: Mapping[str, Any]) -> dict[str, Any]:
    found: Any = message
    for name in ("context", "consent", "categoryPreferences"):
        found = found.get(name) if isinstance(found, dict) else None
    return (
        {name.casefold(): value for name, value in found.items()} if isinstance(found, dict) else {}
    )


def _all_of(answers: Sequence[Any]) -> Any:
    odd = [answer for answer in answers if not isinstance(answer, bool)]
    return odd[0] if odd else all(answers)
