"""Sealing what may be personal in a dead letter: encryption that comes out the same each time.

A fold's outputs repeat to the bit, so there is no nonce: AES-SIV (RFC 5297) is made for that.
All that it gives away is that the same event stood twice at the same place.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from stream.expected import ExpectedError
from stream.lead.identity import hide_emails

DEVELOPMENT_KEY = b"leadstream-development-key"
MAX_SEALED_BYTES = 3_000_000
"""Original key and value together; in base64 this is what a record of Kafka holds."""
MAX_PUBLIC_KEY_BYTES = 1_024


class SealError(ExpectedError, ValueError):
    """A letter cannot be opened; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a dead letter keeps to itself: the original record, and a message that shows values.

    ``value_bytes`` is the original value's length; what does not fit into a letter is cut off.
    """

    key: bytes | None
    value: bytes
    value_bytes: int
    detail: str
    is_whole: bool = True

    @classmethod
    def of(cls, key: bytes | None, value: bytes, detail: str) -> "Contents":
        """Return as much of a record as fits into a letter."""
        kept_key = key if key is None else key[:MAX_SEALED_BYTES]
        kept = value[: MAX_SEALED_BYTES - len(kept_key or b"")]
        return cls(kept_key, kept, len(value), detail, kept_key == key and len(kept) == len(value))


class Sealer:
    """Seals and opens dead letters.

    Parameters
    ----------
    key
        The secret, of any length.
    old_keys
        Former secrets, which still open what was sealed with them.
    """

    def __init__(self, key: bytes, old_keys: Sequence[bytes] = ()) -> None:
        self._ciphers = [AESSIV(_derived(k, b"dead letters")) for k in (key, *old_keys)]
        self._email_key = _derived(key, b"keys of letters")

    def seal(self, contents: Contents, position: str) -> str:
        """Return contents sealed, in base64; they open at this position only."""
        head = {
            "key_bytes": None if contents.key is None else len(contents.key),
            "value_bytes": contents.value_bytes,
            "detail": contents.detail,
            "is_whole": contents.is_whole,
        }
        plain = b"\n".join((orjson.dumps(head), (contents.key or b"") + contents.value))
        return b64encode(self._ciphers[0].encrypt(plain, [position.encode()])).decode()

    def open(self, sealed: str, position: str) -> Contents:
        """Return what was sealed.

        Raises
        ------
        SealError
            If none of the keys opens it, or it was changed or moved.
        """
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(b64decode(sealed, validate=True), [position.encode()])
            except (InvalidTag, ValueError):
                continue
            line, _, body = plain.partition(b"\n")
            head = orjson.loads(line)
            split = head.pop("key_bytes")
            key = None if split is None else body[:split]
            return Contents(key=key, value=body[split or 0 :], **head)
        raise SealError(
            f"letter {position} does not open: it was sealed with another key, or was changed; set "
            "LEADSTREAM_DEAD_LETTER_KEY to the workers' key, or name the key of its time in "
            "LEADSTREAM_DEAD_LETTER_OLD_KEYS"
        )

    def public_key(self, key: bytes | None) -> bytes:
        """Return a record key that may be seen: email addresses in it as keyed hashes.

        >>> Sealer(b"secret").public_key(b"visitor-1")
        b'visitor-1'
        """
        text = (key or b"").decode("utf-8", "surrogateescape")
        if "@" in text:
            text = hide_emails(text, self._email_key)
        return text.encode("utf-8", "surrogateescape")[:MAX_PUBLIC_KEY_BYTES]


def _derived(key: bytes, purpose: bytes) -> bytes:
    return blake2b(key, digest_size=64, person=purpose).digest()
