"""What a fact is called among people: reasons are read by sales, not by data scientists."""

from functools import lru_cache

NAMES_KEPT = 16_384
"""Texts that are put together once: senders decide how many there are, so not all are kept."""

_FACTS = {
    "age": "how long the lead has been known",
    "since_last_event": "time since the event before",
    "events": "how much the lead did in all",
    "sessions": "visits to the website",
    "dwell": "time spent on pages",
    "pages": "different pages seen",
    "points": "rule points in all",
    "stage_age": "time in the present stage",
    "baseline": "what an average lead has",
    "other": "everything else",
}
_KINDS = {
    "page_view": "page views",
    "email_open": "mails opened",
    "email_click": "links in mails clicked",
    "email_reply": "replies to mails",
    "email_bounce": "mails that bounced",
    "email_unsubscribe": "unsubscribing",
    "form_fill": "forms filled in",
    "activity": "activities",
    "purchase": "purchases",
    "satisfaction": "satisfaction told",
    "stage_change": "changes of stage",
    "sales_feedback": "sales feedback",
    "outcome": "outcomes",
}
_TEXTS = {
    "price": "asks for a price",
    "meeting": "asks for a meeting or a call",
    "integration": "asks about integrations",
    "security": "asks about security or data protection",
    "complaint": "complains",
    "cancellation": "wants to cancel",
    "unsubscribe": "wants no more mails",
    "competitor": "names a competitor",
    "urgency": "says that it is urgent",
    "refusal": "says no",
    "auto_reply": "answers automatically",
    "negative": "sounds displeased",
    "positive": "sounds pleased",
}
"""What a lead's text says; kinds of ``stream.lead.text_reading``."""


@lru_cache(NAMES_KEPT)
def words_of(fact: str) -> str:
    """Return what a fact is called in a sentence like "+0.6 from …".

    Examples
    --------
    >>> words_of("count:page_view:pricing"), words_of("last=form_fill:demo_request")
    ('page views: pricing', 'the newest event: form fill demo request')
    >>> words_of("count:text:price"), words_of("count:text:complaint")
    ('asks for a price', 'complains')
    >>> words_of("count:topic:t3")
    'wrote about: topic t3'
    >>> words_of("points:pricing_page"), words_of("attribute:country=DE"), words_of("dwell")
    ('the rule "pricing page"', 'country: DE', 'time spent on pages')
    """
    if fact in _FACTS:
        return _FACTS[fact]
    view, colon, rest = fact.partition(":")
    if view == "count" and colon:
        kind, _, detail = rest.partition(":")
        if kind == "text" and detail in _TEXTS:
            return _TEXTS[detail]
        if kind == "topic":  # the version in use knows its name, or did
            return f"wrote about: topic {detail}"
        what = _KINDS.get(kind, _plain(kind))
        return f"{what}: {_plain(detail)}" if detail else what
    if view == "points" and colon:
        return f'the rule "{_plain(rest)}"'
    if view in {"attribute", "attribute_log"} and colon:
        name, equals, value = rest.partition("=")
        return f"{_plain(name)}: {value}" if equals else _plain(name)
    name, equals, value = fact.partition("=")
    if name == "last" and equals:
        kind, _, detail = value.partition(":")
        return f"the newest event: {_plain(kind)} {_plain(detail)}".rstrip()
    return f"{_plain(name)}: {value}" if equals else _plain(fact)


def _plain(name: str) -> str:
    return name.replace("_", " ")
