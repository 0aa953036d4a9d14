"""Who wrote a record: a keyed signature in its headers, over topic, key and value."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from stream.lead.outputs import Output

SIGNATURE_HEADER = "signature"


def signed(output: Output, secret: bytes) -> Output:
    """Return a record with its signature; deletions are signed as well."""
    signature = _signature(output.topic, output.key, output.value, secret)
    topic, key, value, headers, label = output
    return Output(topic, key, value, [*headers, (SIGNATURE_HEADER, signature)], label)


def is_genuine(
    topic: str,
    key: bytes,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes]],
    secret: bytes,
) -> bool:
    """Tell whether a record was signed with this secret, for this topic (without prefix)."""
    given = dict(headers).get(SIGNATURE_HEADER, b"")
    return hmac.compare_digest(given, _signature(topic, key, value, secret))


def _signature(topic: str, key: bytes, value: bytes | None, secret: bytes) -> bytes:
    digest = hmac.new(secret, digestmod=sha256)
    # With lengths, so that no two records read the same.
    for part in (topic.encode(), key):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    digest.update(b"deleted" if value is None else b"written" + value)
    return digest.hexdigest().encode()
