"""The channel that brought a lead: search, social, mail, another site; by campaign or referrer."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

DIRECT = "direct"
MAX_NAME_CHARACTERS = 64

_SEARCH = re.compile(
    r"(^|\.)(google|bing|duckduckgo|yahoo|baidu|yandex|ecosia|qwant|startpage|brave|naver)\."
)
_SOCIAL = re.compile(
    r"(^|\.)(facebook|instagram|linkedin|lnkd|twitter|x|t|youtube|tiktok|pinterest|reddit|xing"
    r"|threads|mastodon|bsky)\.(com|co|in|be|app|social)$"
)
_SEARCH_SOURCES = frozenset(
    {"search", "google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia"}
)
_SOCIAL_SOURCES = frozenset(
    {"social", "facebook", "instagram", "linkedin", "twitter", "x", "youtube", "tiktok", "xing"}
)
_PAID = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
_BY_MEDIUM: Mapping[str, str] = {
    "organic": "organic_search",
    "social": "organic_social",
    "social-network": "organic_social",
    "social-media": "organic_social",
    "sm": "organic_social",
    "email": "email",
    "e-mail": "email",
    "newsletter": "email",
    "affiliate": "affiliate",
    "affiliates": "affiliate",
    "referral": "referral",
    "display": "display",
    "banner": "display",
    "cpm": "display",
    "video": "video",
    "sms": "sms",
    "audio": "audio",
}
ACTIVITIES: Mapping[str, str] = {
    "call": "call",
    "chat": "chat",
    "webinar_attended": "webinar",
    "event_attended": "event",
    "fair_visited": "event",
    "meeting": "meeting",
}
"""Activities that are a touchpoint of their own."""


class Source(NamedTuple):
    """The channel that something came by, and the campaign if one was named."""

    channel: str
    campaign: str | None = None


def has_source(event: Mapping[str, Any]) -> bool:
    """Tell whether an event of the website may say what brought it about."""
    return (
        event.get("referrer") is not None
        or event.get("context") is not None
        or "utm_" in event.get("url", "")
    )


def source_of(event: Mapping[str, Any]) -> Source | None:
    """Return what brought an event about; None where nothing says so: a page seen in passing.

    A campaign named in the context or by the page's ``utm_`` parameters counts first, then the
    referrer. Channels are grouped as web analytics does it: by medium, and search and social by
    source, paid apart from organic.

    Examples
    --------
    >>> page = {"type": "page_view", "url": "https://a.example/x?utm_source=google&utm_medium=cpc"}
    >>> source_of(page | {"context": None})
    Source(channel='paid_search', campaign=None)
    >>> source_of({"type": "page_view", "url": "https://a.example", "referrer": "https://b.example"})
    Source(channel='referral', campaign=None)
    >>> source_of({"type": "email_click", "campaign_id": "spring"})
    Source(channel='email', campaign='spring')
    >>> source_of({"type": "page_view", "url": "https://a.example/2", "referrer": "https://a.example"})
    >>> source_of({"type": "page_view", "url": "https://a.example/"})
    Source(channel='direct', campaign=None)
    """
    kind = event["type"]
    named = _named(event)
    if named is not None:
        return named
    if kind == "email_click":
        return Source("email", _short(event.get("campaign_id")))
    if kind == "activity":
        channel = ACTIVITIES.get(event["name"])
        return None if channel is None else Source(channel)
    if kind == "page_view":
        return _referred(event)
    return Source(DIRECT) if kind == "form_fill" else None


def _named(event: Mapping[str, Any]) -> Source | None:
    context = event.get("context")
    campaign = context.get("campaign") if isinstance(context, dict) else None
    if isinstance(campaign, dict):
        source, medium, name = (_text(campaign.get(k)) for k in ("source", "medium", "name"))
        if source or medium or name:
            return Source(_grouped(source, medium), name or None)
    url = event.get("url")
    if not isinstance(url, str) or "utm_" not in url:
        return None
    try:
        query = parse_qs(urlsplit(url).query, max_num_fields=100)
    except ValueError:  # what senders call a URL need not be one
        return None
    source, medium, name = (
        _text(query.get(f"utm_{k}", [""])[0]) for k in ("source", "medium", "campaign")
    )
    return Source(_grouped(source, medium), name or None) if source or medium or name else None


def _grouped(source: str, medium: str) -> str:
    source, medium = source.lower(), medium.lower()
    is_search = source in _SEARCH_SOURCES or bool(_SEARCH.search(source))
    is_social = source in _SOCIAL_SOURCES or bool(_SOCIAL.search(source))
    if medium != "cpm" and _PAID.match(medium):
        return "paid_search" if is_search else "paid_social" if is_social else "paid_other"
    known = _BY_MEDIUM.get(medium)
    if known is not None:
        return known
    if is_search or is_social:
        return "organic_search" if is_search else "organic_social"
    return "referral" if source else "other"


def _referred(event: Mapping[str, Any]) -> Source | None:
    host = _host(event.get("referrer"))
    if not host:
        return Source(DIRECT)
    if host == _host(event["url"]):
        return None
    if _SEARCH.search(host):
        return Source("organic_search")
    return Source("organic_social" if _SOCIAL.search(host) else "referral")


def _host(url: Any) -> str:
    if not isinstance(url, str):
        return ""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _text(value: Any) -> str:
    return value.strip()[:MAX_NAME_CHARACTERS] if isinstance(value, str) else ""


def _short(value: Any) -> str | None:
    return _text(value) or None
