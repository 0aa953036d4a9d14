"""What mail providers report of their mails: whether it is they, and the events it tells."""

import hmac
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stream.collector.refusals import RefusedRequestError
from stream.expected import ExpectedError
from stream.lead.outputs import rfc3339

SENDGRID_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
MAILGUN_WINDOW_S = 43_200.0
"""Mailgun sends again for eight hours."""
MAX_TOKENS = 100_000

_OF_SENDGRID: Mapping[str, str] = MappingProxyType(
    {
        "delivered": "email_delivered",
        "open": "email_open",
        "click": "email_click",
        "bounce": "email_bounce",
        "spamreport": "email_unsubscribe",
        "unsubscribe": "email_unsubscribe",
        "group_unsubscribe": "email_unsubscribe",
    }
)
_OF_MAILGUN: Mapping[str, str] = MappingProxyType(
    {
        "delivered": "email_delivered",
        "opened": "email_open",
        "clicked": "email_click",
        "failed": "email_bounce",
        "complained": "email_unsubscribe",
        "unsubscribed": "email_unsubscribe",
    }
)


class WebhookKeyError(ExpectedError, ValueError):
    """A provider's key cannot be used; the message says what to do."""


class SendGrid:
    """SendGrid's event webhook, signed (ECDSA over its timestamp and the body as it came).

    Parameters
    ----------
    public_key
        As SendGrid shows it: DER in base64.
    window_s
        How old a request may be. What comes again within it has the ids it had, and is dropped as
        a duplicate; so this is no longer than duplicates are remembered.

    Raises
    ------
    WebhookKeyError
        If the key is none.
    """

    def __init__(self, public_key: str, window_s: float) -> None:
        try:
            key = load_der_public_key(b64decode(public_key, validate=True))
        except ValueError:
            key = None
        if not isinstance(key, EllipticCurvePublicKey):
            raise WebhookKeyError(
                "LEADSTREAM_SENDGRID_VERIFICATION_KEY is no public key; take over the verification "
                "key that SendGrid shows beside Signed Event Webhook"
            )
        self._key = key
        self._window_s = window_s

    def events(
        self, headers: Mapping[str, str], body: bytes, now_s: float
    ) -> Iterator[dict[str, Any]]:
        """Yield the events of a request.

        Raises
        ------
        RefusedRequestError
            If it does not come from SendGrid, or is too old.
        """
        signed_at = headers.get(SENDGRID_TIMESTAMP, "")
        try:
            signature = b64decode(headers.get(SENDGRID_SIGNATURE, ""), validate=True)
            self._key.verify(signature, signed_at.encode() + body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            raise RefusedRequestError(
                403,
                "the signature is not SendGrid's: switch on Signed Event Webhook, and set "
                "LEADSTREAM_SENDGRID_VERIFICATION_KEY to its verification key",
                SENDGRID_SIGNATURE,
            ) from None
        _check_age(signed_at, now_s, self._window_s, 403, SENDGRID_TIMESTAMP)
        for item in _json(body, list):
            kind = _OF_SENDGRID.get(str(item.get("event"))) if isinstance(item, dict) else None
            if kind is None or item.get("sg_machine_open"):
                continue  # nothing that a lead did
            yield _event(
                kind,
                event_id=item.get("sg_event_id"),
                at_s=item.get("timestamp"),
                lead_id=item.get("lead_id") or item.get("email"),
                # What follows the dot differs from report to report of one mail.
                message_id=str(item.get("sg_message_id") or "").partition(".")[0],
                campaign_id=item.get("campaign_id") or item.get("singlesend_id"),
                url=item.get("url"),
                context={"user_agent": item.get("useragent"), "ip": item.get("ip")},
            )


class Mailgun:
    """Mailgun's webhooks, signed (HMAC-SHA256 over a timestamp and a token used once)."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode()
        self._tokens: dict[str, float] = {}

    def events(self, body: bytes, now_s: float) -> tuple[str, list[dict[str, Any]]]:
        """Return the token of a request, to be remembered once its events are kept, and those.

        Raises
        ------
        RefusedRequestError
            If it does not come from Mailgun, is too old, or its token was used. The status is the
            one after which Mailgun does not try again.
        """
        given = _json(body, dict)
        signed = given.get("signature")
        signed = signed if isinstance(signed, dict) else {}
        at, token, signature = (str(signed.get(n, "")) for n in ("timestamp", "token", "signature"))
        right = hmac.new(self._key, f"{at}{token}".encode(), sha256).hexdigest()
        if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), right.encode()):
            raise RefusedRequestError(
                406,
                "the signature is not Mailgun's: set LEADSTREAM_MAILGUN_SIGNING_KEY to the HTTP "
                "webhook signing key",
                "signature",
            )
        _check_age(at, now_s, MAILGUN_WINDOW_S, 406, "signature.timestamp")
        if token in self._tokens:
            raise RefusedRequestError(406, "the token was used before", "signature.token")
        item = given.get("event-data")
        return token, list(_mailgun_events(item if isinstance(item, dict) else {}))

    def remember(self, token: str, now_s: float) -> None:
        """Take a token for used."""
        self._tokens[token] = now_s
        while self._tokens:
            oldest = next(iter(self._tokens))
            is_old = self._tokens[oldest] < now_s - 2 * MAILGUN_WINDOW_S
            if not is_old and len(self._tokens) <= MAX_TOKENS:
                break
            del self._tokens[oldest]


def _mailgun_events(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = _OF_MAILGUN.get(str(item.get("event")))
    client = _part(item, "client-info")
    is_retried = kind == "email_bounce" and item.get("severity") != "permanent"
    if kind is None or is_retried or client.get("bot"):
        return  # nothing that a lead did
    variables = _part(item, "user-variables")
    yield _event(
        kind,
        event_id=item.get("id"),
        at_s=item.get("timestamp"),
        lead_id=variables.get("lead_id") or item.get("recipient"),
        message_id=_part(_part(item, "message"), "headers").get("message-id"),
        campaign_id=variables.get("campaign_id"),
        url=item.get("url"),
        context={"user_agent": client.get("user-agent"), "ip": item.get("ip")},
    )


def _event(kind: str, *, at_s: Any, context: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an event without what is not given; what is wrong stays so, to be refused."""
    event = {"type": kind, **{name: value for name, value in fields.items() if value}}
    is_time = isinstance(at_s, int | float) and not isinstance(at_s, bool)
    event["occurred_at"] = rfc3339(at_s) if is_time else at_s
    if kept := {name: value for name, value in context.items() if value}:
        event["context"] = kept
    return event


def _part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _json(body: bytes, kind: type) -> Any:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedRequestError(400, f"the body is no JSON: {error}") from None
    if not isinstance(given, kind):
        raise RefusedRequestError(400, f"the body is no JSON {kind.__name__}")
    return given


def _check_age(signed_at: str, now_s: float, window_s: float, status: int, field: str) -> None:
    is_time = re.fullmatch(r"[0-9]{1,12}", signed_at) is not None
    age_s = now_s - int(signed_at) if is_time else None
    if age_s is None or not abs(age_s) <= window_s:
        raise RefusedRequestError(
            status, f"{field} = {signed_at:.40}: no time within {window_s:g} s of now", field
        )
