"""A picture of one pixel that tells when a mail is opened, signed so that nobody makes opens up."""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from stream.collector.refusals import RefusedRequestError
from stream.lead.outputs import rfc3339

PATH = "/v1/pixel.gif"
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""
SIGNATURE = "signature"
FIELDS = ("lead_id", "message_id", "campaign_id")


def pixel_path(key: bytes, lead_id: str, message_id: str = "", campaign_id: str = "") -> str:
    """Return the pixel's path and query for one mail to one lead.

    Parameters
    ----------
    key
        The secret that the collector knows.
    lead_id
        Whom the mail goes to. It stands in the mail for all to see who get it: better no email
        address.
    message_id, campaign_id
        Which mail of which campaign, as the mail platform's other events say.

    Examples
    --------
    >>> pixel_path(b"key", "lead-1", "m-1")
    '/v1/pixel.gif?lead_id=lead-1&message_id=m-1&signature=747203c05014876b2610a3b04cdb527f'
    """
    given = dict(zip(FIELDS, (lead_id, message_id, campaign_id), strict=True))
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{PATH}?{query}&{SIGNATURE}={_signature(key, given)}"


def opened(
    query: Mapping[str, str], key: bytes, now_s: float, event_id: str, user_agent: str | None
) -> dict[str, Any]:
    """Return the event that a mail was opened.

    Raises
    ------
    RefusedRequestError
        If the signature is not right.
    """
    given = {name: query.get(name, "") for name in FIELDS}
    # As bytes: what comes over HTTP may be no ASCII.
    signature = query.get(SIGNATURE, "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(signature, _signature(key, given).encode()):
        raise RefusedRequestError(
            403,
            "the pixel's signature is not right: make its address with `leadstream pixel-url`, and "
            "take it over whole",
            SIGNATURE,
        )
    event: dict[str, Any] = {
        "type": "email_open",
        "event_id": event_id,
        "occurred_at": rfc3339(now_s),
        **{name: value for name, value in given.items() if value},
    }
    if user_agent:
        event["context"] = {"user_agent": user_agent}
    return event


def _signature(key: bytes, given: Mapping[str, str]) -> str:
    # All names, so that no value can be moved from one to another.
    text = urlencode({name: given[name] for name in FIELDS}, errors="surrogatepass")
    return hmac.new(key, text.encode(), sha256).hexdigest()[:32]
