"""Whose event it is: one address per lead, links from weaker to stronger identifiers."""

import re
from collections.abc import Mapping
from typing import Any

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
# Lengths as in RFC 5321: without them a long text takes time that grows with its square.
_EMAIL = re.compile(
    r"[^\s@<>\"'(),:;][^\s@<>\"(),:;]{0,63}"
    r"@[^\s@<>\"'(),:;]{1,253}\.[^\s@<>\"'(),:;.]{1,63}"
)


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
    addresses = []
    lead_id = event.get("lead_id")
    if lead_id is not None:
        _check("lead_id", lead_id)
        addresses.append(lead_id)
    hashed = event.get("email_hash")
    if hashed is not None:
        addresses.append(EMAIL + hashed)
    anonymous_id = event.get("anonymous_id")
    if anonymous_id is not None:
        _check("anonymous_id", anonymous_id)
        addresses.append(ANONYMOUS + anonymous_id)
    if not addresses:
        raise IdentityError(
            "lead_id",
            "give lead_id, anonymous_id or both, so that the event has a lead",
            "missing_field",
        )
    return addresses[0], tuple(addresses[1:])


def is_named(address: str) -> bool:
    """Tell whether an address is more than an anonymous visitor."""
    return not address.startswith(ANONYMOUS)


def check_lead_id(field: str, value: str) -> None:
    """Refuse ids that stand for none, or that would be taken for our own addresses."""
    _check(field, value)


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
    if field != "anonymous_id" and value.startswith((ANONYMOUS, EMAIL, "\x00")):
        raise IdentityError(
            field,
            f"{field} starts with 'anon:' or 'email:': such ids are leadstream's own",
            value=value,
        )


def hide_emails(value: Any, key: bytes) -> Any:
    """Return a JSON value with every email address in it replaced by its keyed hash."""
    if isinstance(value, str):
        if "@" not in value:
            return value
        return _EMAIL.sub(lambda m: EMAIL + email_hash(m.group(), key), value)
    if isinstance(value, dict):
        return {hide_emails(k, key): hide_emails(v, key) for k, v in value.items()}
    if isinstance(value, list):
        return [hide_emails(v, key) for v in value]
    return value


def is_email(text: str) -> bool:
    """Tell whether a text is one email address."""
    return _EMAIL.fullmatch(text.strip()) is not None
