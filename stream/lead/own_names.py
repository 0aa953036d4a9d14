"""Words by which a lead is called: what it is about is not told by them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

_WORD = re.compile(r"[^\W\d_]+")
_OF_NAMES = re.compile(
    r"name|nom\b|nombre|apellido|company|organi|firm|entreprise|empresa|mail|phone|address|adresse"
    r"|street|city|town|website|domain|contact|user",
    re.IGNORECASE,
)
"""In what a form's field or an attribute is called that says who somebody is."""


def names_in(event: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of an event's email address and of its fields that say who the lead is.

    >>> sorted(names_in({"email": "jo.ray@acme.com", "fields": {"last_name": "Ray", "seats": 40}}))
    ['acme', 'com', 'jo', 'ray']
    """
    email = event.get("email")
    found = set(_words(email)) if isinstance(email, str) else set()
    for holder in ("fields", "properties"):
        fields = event.get(holder)
        if isinstance(fields, Mapping):
            found |= names_among(fields)
    return frozenset(found)


def names_among(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of those fields, or attributes, that say who somebody is."""
    return frozenset(
        word
        for name, value in fields.items()
        if isinstance(value, str) and _OF_NAMES.search(name)
        for word in _words(value)
    )


def _words(value: str) -> Iterator[str]:
    return iter(_WORD.findall(unicodedata.normalize("NFC", value.lower())))
