"""Kinds of activity: what an event counts as."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from stream.lead.text_reading import TEXT_READING, kinds_read

MAX_KIND_CHARACTERS = 64

BY_THE_LEAD = frozenset(
    {"page_view", "email_open", "email_click", "email_reply", "form_fill", "activity", "purchase"}
)
"""Events that the lead itself causes: they end an absence."""

ON_THE_WEBSITE = frozenset({"page_view", "form_fill"})


def kinds_of(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds that an event counts as: its type, then what it was more closely.

    What its text says comes before both: the last is what the event itself was.

    Examples
    --------
    >>> kinds_of({"type": "page_view", "url": "https://example.com/pricing?a=1"})
    ('page_view', 'page_view:pricing')
    >>> kinds_of({"type": "activity", "name": "webinar_attended"})
    ('activity:webinar_attended',)
    >>> kinds_of({"type": "lead_profile", "attributes": {}})
    ()
    >>> kinds_of({"type": "email_reply", "text_reading": {"intents": ["price"], "sentiment": 0.0}})
    ('text:price', 'email_reply')
    """
    kind: str = event["type"]
    match kind:
        case "page_view":
            return kind, _short(f"page_view:{section_of(event['url'])}")
        case "form_fill":
            own: tuple[str, ...] = (kind, f"form_fill:{event['form_kind']}")
        case "activity":
            own = (_short(f"activity:{event['name']}"),)
        case "email_reply":
            own = (kind,)
        case "stage_change":
            return (_short(f"stage_change:{event['stage']}"),)
        case "sales_feedback":
            return (f"sales_feedback:{event['verdict']}",)
        case "outcome":
            return (f"outcome:{event['result']}",)
        case "email_open" | "email_click" | "email_bounce" | "email_unsubscribe":
            return (kind,)
        case "purchase" | "satisfaction":
            return (kind,)
        case _:
            return ()
    return (*kinds_read(event[TEXT_READING]), *own) if TEXT_READING in event else own


def section_of(url: str) -> str:
    """Return the first part of a URL's path, lower case: the section of the website."""
    path = _path(url).strip("/")
    return path.split("/", 1)[0].lower() or "home"


def page_of(url: str) -> str:
    """Return what tells a page from others: its path."""
    return _path(url).rstrip("/") or "/"


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # what senders call a URL need not be one
        return url


def _short(kind: str) -> str:
    return kind[:MAX_KIND_CHARACTERS]
