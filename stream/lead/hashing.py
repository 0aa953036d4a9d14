"""Stable hashes: the same in every process and release, since states and ids are built on them."""

import hmac
from hashlib import blake2b, sha256


def short_hash(text: str) -> int:
    """Return 63 bits of a text, for membership tests."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def stable_id(*parts: str) -> str:
    """Return an id of 32 hexadecimal digits made from its parts, and from their number."""
    joined = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(joined, digest_size=16).hexdigest()


def email_hash(email: str, key: bytes) -> str:
    """Return the keyed hash (HMAC-SHA256, 32 hexadecimal digits) of an email address.

    Addresses are compared without case and outer white space, as mail systems do in practice.
    """
    address = email.strip().casefold().encode("utf-8", "surrogatepass")
    return hmac.new(key, address, sha256).hexdigest()[:32]


def address_hash(address: str, key: bytes) -> str:
    """Return the keyed hash (BLAKE2b, 32 hexadecimal digits) that an address is remembered by."""
    encoded = address.encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=16, key=key).hexdigest()


def unit_interval(*parts: str | int) -> float:
    """Return a number in [0, 1) that depends on nothing but the parts: seeded by position."""
    digest = blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") / 2**64
