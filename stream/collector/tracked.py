"""What a track call tells, by its event's name: mails, forms, orders, anything else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from schemas.forms import FormKind
from stream.collector.attributes import snake_case
from stream.collector.money import minor_units

USUAL_CURRENCY = "USD"
"""Where an order names none, as Segment's spec has it."""

_MAILS: Mapping[str, str] = MappingProxyType(
    {
        "email_delivered": "email_delivered",
        "email_opened": "email_open",
        "email_link_clicked": "email_click",
        "email_clicked": "email_click",
        "email_replied": "email_reply",
        "email_bounced": "email_bounce",
        "email_marked_as_spam": "email_unsubscribe",
        "email_unsubscribed": "email_unsubscribe",
        "unsubscribed": "email_unsubscribe",
    }
)
"""Segment's spec of email events; who marks a mail as spam wants no more of them."""
_FORMS: Mapping[str, str | None] = MappingProxyType(
    {
        "form_submitted": None,
        "form_filled": None,
        "form_completed": None,
        "form_sent": None,
        "demo_requested": "demo_request",
        "contact_requested": "contact",
        "newsletter_subscribed": "newsletter",
        "webinar_registered": "webinar",
        "content_downloaded": "download",
    }
)
_WORDS_OF_KINDS: tuple[tuple[str, FormKind], ...] = (
    ("demo", "demo_request"),
    ("webinar", "webinar"),
    ("newsletter", "newsletter"),
    ("subscri", "newsletter"),
    ("download", "download"),
    ("whitepaper", "download"),
    ("ebook", "download"),
    ("contact", "contact"),
)
_AMOUNTS = ("revenue", "total", "value")


def tracked(name: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of the event that a track call tells, and its own fields.

    Mails are known by Segment's spec of email events, an order by ``Order Completed``, forms by
    ``Form Submitted`` and the like; all else is an activity, its name in lower case with
    underscores. What is missing or wrong is left so, to be refused with its field.

    Examples
    --------
    >>> tracked("Email Link Clicked", {"campaign_id": "c-1", "link_url": "https://example.com/"})
    {'type': 'email_click', 'campaign_id': 'c-1', 'url': 'https://example.com/'}
    >>> tracked("Order Completed", {"revenue": 19.99, "currency": "EUR"})
    {'type': 'purchase', 'value_minor': 1999, 'currency': 'EUR'}
    >>> tracked("Webinar Attended", {"minutes": 40})
    {'type': 'activity', 'name': 'webinar_attended', 'properties': {'minutes': 40}}
    """
    if not isinstance(name, str) or not (plain := snake_case(name)):
        return _activity(name, properties)
    if plain in _MAILS:
        return _mail(_MAILS[plain], properties)
    if plain in _FORMS:
        return _form(plain, properties)
    if plain == "order_completed":
        return _purchase(properties)
    return _activity(plain, properties)


def _activity(name: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "activity"}
    if name is not None:
        found["name"] = name
    if properties:
        found["properties"] = dict(properties)
    return found


def _mail(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "campaign_id": properties.get("campaign_id"),
        "message_id": properties.get("email_id") or properties.get("message_id"),
        "url": properties.get("link_url") or properties.get("url"),
        "text": properties.get("text"),
    }
    return {"type": kind, **{field: value for field, value in found.items() if value is not None}}


def _form(event: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    rest = {snake_case(name): value for name, value in properties.items()}
    name = rest.pop("form_name", None)
    form_id = rest.pop("form_id", None) or rest.pop("id", None) or name or event
    kind = rest.pop("form_kind", None) or rest.pop("form_type", None) or _FORMS[event]
    if kind not in get_args(FormKind):
        kind = _kind_by_words(f"{kind} {name} {form_id}")
    found = {"type": "form_fill", "form_id": form_id, "form_kind": kind}
    for field, given in (("email", "email"), ("text", "text"), ("text", "message")):
        value = rest.pop(given, None)
        if isinstance(value, str) and value:
            found[field] = value
    fields = rest.get("fields")
    if rest:
        found["fields"] = fields if isinstance(fields, dict) and len(rest) == 1 else rest
    return found


def _kind_by_words(text: str) -> FormKind:
    folded = text.casefold()
    return next((kind for word, kind in _WORDS_OF_KINDS if word in folded), "other")


def _purchase(properties: Mapping[str, Any]) -> dict[str, Any]:
    given = properties.get("currency") or USUAL_CURRENCY
    currency = given.upper() if isinstance(given, str) else given
    found: dict[str, Any] = {"type": "purchase"}
    amount = next((properties[name] for name in _AMOUNTS if properties.get(name) is not None), None)
    if amount is not None:
        minor = minor_units(amount, str(currency))
        found["value_minor"] = amount if minor is None else minor
    found["currency"] = currency
    if product := _only_product(properties.get("products")):
        found["product"] = product
    return found


def _only_product(products: Any) -> str | None:
    """Return the product of an order that has one: an order of several is of none of them."""
    if not isinstance(products, list) or len(products) != 1 or not isinstance(products[0], dict):
        return None
    for field in ("name", "sku", "product_id"):
        value = products[0].get(field)
        if isinstance(value, str) and value:
            return value
    return None
