"""Signing as Standard Webhooks 1.0.0 says (www.standardwebhooks.com): HMAC-SHA256, ``v1``."""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
MAKE_ONE = f"make one with `echo {PREFIX}$(openssl rand -base64 32)`"


class SecretError(ValueError):
    """A secret cannot be used; the message says why and what to do, and shows none of it."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Return the keys of one or more secrets, with commas or white space between them.

    While a secret is changed the new and the old one sign, so that receivers can follow.

    Raises
    ------
    SecretError
        If there is none, or one is not ``whsec_`` and the base64 of 24 to 64 bytes.

    Examples
    --------
    >>> [len(key) for key in parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [24]
    >>> parse_secrets("s3cret")
    Traceback (most recent call last):
    ...
    stream.webhooks.signing.SecretError: it does not begin with whsec_; make one with `echo \
whsec_$(openssl rand -base64 32)`
    """
    secrets = [part for part in re.split(r"[\s,]+", text) if part]
    if not secrets:
        raise SecretError(f"it is empty; {MAKE_ONE}")
    return tuple(_key(secret) for secret in secrets)


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise SecretError(f"it does not begin with {PREFIX}; {MAKE_ONE}")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError(f"what follows {PREFIX} is not base64; {MAKE_ONE}") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise SecretError(
            f"it has {len(key)} bytes, it must have {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES}; "
            f"{MAKE_ONE}"
        )
    return key


def signed_headers(
    keys: Sequence[bytes], webhook_id: str, attempted_s: float, body: bytes
) -> dict[str, str]:
    """Return the three headers of an attempt.

    Parameters
    ----------
    keys
        What it is signed with; one signature each.
    webhook_id
        The same for every attempt; without full stops.
    attempted_s
        The clock, epoch seconds: receivers refuse what is minutes old.
    body
        The bytes that are sent.

    Examples
    --------
    >>> keys = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> body = b'{"test": 2432232314}'
    >>> signed_headers(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.4, body)
    ... # doctest: +NORMALIZE_WHITESPACE
    {'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330',
     'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='}
    """
    timestamp = str(int(attempted_s))
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    signatures = (b64encode(hmac.new(key, content, sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
