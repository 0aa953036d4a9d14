"""Whose event it is: one address per lead, links from weaker to stronger identifiers."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from stream.lead.hashing import email_hash

ANONYMOUS = "anon:"
EMAIL = "email:"
MAX_HOPS = 8
"""A chain of forwarding addresses longer than this is refused."""

_PLACEHOLDER = re.compile(
    r"(null|undefined|none|nil|nan|n/a|na|unknown|anonymous|guest|test|false|true|\(not set\)"
    r"|\[object object\]|[0\-]+)",
    re.IGNORECASE,
)
_HASHED_EMAIL = re.compile(EMAIL + "[0-9a-f]{32}")
# Lengths as in RFC 5321: without them a long text takes time that grows with its square.
_EMAIL = re.compile(
    r"[^\s@<>\"'(),:;][^\s@<>\"(),:;]{0,63}"
    r"@[^\s@<>\"'(),:;]{1,253}\.[^\s@<>\"'(),:;.]{1,63}"
)
_AT = re.compile(r"@|%(?:25)*40")
# In a URL, = and & and / end an address, written out or percent-encoded once or more.
_DELIMITER = re.compile(
    r"[\s@<>\"'(),:;/?=&#]|%(?:25)*(?:20|22|23|26|27|28|29|2[Cc]|2[Ff]|3[A-Fa-f]|40)"
)
_DOMAIN = re.compile(
    r"(?:[\w.-]|%(?:25)*[89A-Fa-f][0-9A-Fa-f]){1,253}\.(?:xn--[\w-]{1,59}|[^\W\d_]{2,63})"
)
_MOST_LOCAL_CHARACTERS = 192
_LOOKS_LIKE_URL = re.compile(r"://|^[/?#]|^(?:mailto:|www\.)|[?&][^?&=]{0,64}=|%(?:25)*40")
_MOST_ENCODINGS = 4


class LeadNotFoundError(LookupError):
    """No state is stored for a lead."""


class IdentityError(ValueError):
    """An event cannot be given to a lead; carries the field at fault and, if any, its value."""

    def __init__(
        self, field: str, message: str, reason: str = "bad_value", value: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.value = value


def resolve(event: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the address that an event goes to, and the weaker ones that it links to it.

    The strongest identifier wins: ``lead_id``, then the email's hash, then ``anonymous_id``.

    Raises
    ------
    IdentityError
        If there is no identifier, or one that stands for none.

    Examples
    --------
    >>> resolve({"lead_id": "L1", "anonymous_id": "v7"})
    ('L1', ('anon:v7',))
    >>> resolve({"anonymous_id": "v7"})
    ('anon:v7', ())
    """
    check_ids(event)
    return addresses_of(event)


def addresses_of(event: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return what ``resolve`` does, of an event whose ids were checked before."""
    lead_id, hashed = event.get("lead_id"), event.get("email_hash")
    anonymous_id = event.get("anonymous_id")
    addresses = [lead_id] if lead_id is not None else []
    if hashed is not None:
        addresses.append(EMAIL + hashed)
    if anonymous_id is not None:
        # Where a sender's id is an email address, its hash is the address.
        is_email_too = anonymous_id.startswith(EMAIL) and _HASHED_EMAIL.fullmatch(anonymous_id)
        addresses.append(anonymous_id if is_email_too else ANONYMOUS + anonymous_id)
    if not addresses:
        raise IdentityError(
            "lead_id",
            "give lead_id, anonymous_id or both, so that the event has a lead",
            "missing_field",
        )
    strongest, *weaker = dict.fromkeys(addresses)
    return strongest, tuple(weaker)


def is_named(address: str) -> bool:
    """Tell whether an address is more than an anonymous visitor."""
    return not address.startswith(ANONYMOUS)


def check_ids(event: Mapping[str, Any]) -> None:
    """Refuse an event with an id that stands for none, or that is taken for ours."""
    # Elsewhere a field of that name is a stranger's, of any type.
    merges = ("into_lead_id",) if event.get("type") == "lead_merge" else ()
    for field in ("lead_id", "anonymous_id", *merges):
        if event.get(field) is not None:
            _check(field, event[field])


def check_other(field: str, value: str, address: str) -> None:
    """Refuse a lead that is to be merged into itself."""
    if value == address:
        raise IdentityError(field, "a lead cannot be merged into itself; name the other lead")


def _check(field: str, value: str) -> None:
    if _PLACEHOLDER.fullmatch(value.strip()) or not value.strip():
        raise IdentityError(
            field,
            f"{field} stands for no one, as null, 0 or unknown do; leave {field} out where there "
            "is no id",
            value=value,
        )
    # The address of a lead known by mail stands in what it is sent, and so comes back.
    is_ours = value.startswith((ANONYMOUS, EMAIL, "\x00"))
    if field != "anonymous_id" and is_ours and _HASHED_EMAIL.fullmatch(value) is None:
        raise IdentityError(
            field,
            f"{field} starts with 'anon:' or 'email:': such ids are leadstream's own",
            value=value,
        )


def may_hold_email(value: bytes) -> bool:
    """Tell whether JSON may hold an address: an @, or what it can be written as."""
    return b"@" in value or b"%40" in value or b"%25" in value or b"\\u" in value


def is_email(text: str) -> bool:
    """Tell whether a text is one email address."""
    return _EMAIL.fullmatch(text.strip()) is not None


def hide_emails(value: Any, key: bytes) -> Any:
    """Return a JSON value with every email address in it replaced by its keyed hash.

    A text that is one address becomes the address that leadstream knows it by.

    Examples
    --------
    >>> hide_emails("https://example.com/thanks?mail=jane%40example.com&n=1", b"key")
    'https://example.com/thanks?mail=email:43c915a5fb2a55c3ccab3ef8b4ceec30&n=1'
    """
    if isinstance(value, str):
        return _hidden(value, key) if "@" in value or "%" in value else value
    if isinstance(value, dict):
        return {hide_emails(k, key): hide_emails(v, key) for k, v in value.items()}
    if isinstance(value, list):
        return [hide_emails(v, key) for v in value]
    return value


def _hidden(text: str, key: bytes) -> str:
    if is_email(text):
        return EMAIL + email_hash(text, key)
    # Word by word, since a URL has other delimiters than a sentence.
    words = re.split(r"(\s+)", text)
    for position, word in enumerate(words):
        if _AT.search(word) is None:
            continue
        if _LOOKS_LIKE_URL.search(word):
            words[position] = _hidden_in_url(word, key)
        else:
            words[position] = _EMAIL.sub(lambda m: EMAIL + email_hash(m.group(), key), word)
    return "".join(words)


def _hidden_in_url(url: str, key: bytes) -> str:
    # From each @ to both sides: one pattern for all of it would take quadratic time.
    parts, done, begin = [], 0, 0
    for at in _AT.finditer(url):
        begin = max(begin, done, at.start() - _MOST_LOCAL_CHARACTERS)
        for delimiter in _DELIMITER.finditer(url, begin, at.start()):
            begin = delimiter.end()
        domain = _DOMAIN.match(url, at.end()) if begin < at.start() else None
        if domain is not None:
            email = _decoded(url[begin : domain.end()])
            parts += [url[done:begin], EMAIL + email_hash(email, key)]
            done = domain.end()
        begin = at.end()
    return "".join([*parts, url[done:]])


def _decoded(text: str) -> str:
    for _ in range(_MOST_ENCODINGS):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text
