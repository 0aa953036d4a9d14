"""How a state stands in the changelog: a checked prefix, then its JSON.

The prefix says what a restore needs of a lead that nothing happens to: schema version, when its
first timer is due, the log's offset up to which it is folded, and a checksum. So a million
states come back without being parsed, and a truncated or altered one is found all the same.
"""

import math
import struct
import zlib
from typing import Any, NamedTuple

import orjson

from stream.lead.state import SCHEMA_VERSION, LeadState, StateFormatError

_HEAD = struct.Struct(">Bdq")
_CHECKSUM = struct.Struct(">I")
_PREFIX_BYTES = _HEAD.size + _CHECKSUM.size
_UNPREFIXED = b"{"
"""States of schema 1 were stored as plain JSON."""

REPAIR = "stop the workers and run `leadstream state repair`"


class Row(NamedTuple):
    """A stored document, checked and not yet parsed; ``due_s`` is None where no timer runs."""

    version: int
    due_s: float | None
    offset: int
    body: bytes


def encode_row(document: dict[str, Any], due_s: float | None, offset: int) -> bytes:
    """Return a document as it stands in the changelog."""
    try:
        return frame(orjson.dumps(document), due_s, offset)
    except TypeError as error:
        raise _nested_too_deep(error) from None


def frame(body: bytes, due_s: float | None, offset: int, version: int = SCHEMA_VERSION) -> bytes:
    """Return a body behind its prefix."""
    head = _HEAD.pack(version, math.inf if due_s is None else due_s, offset)
    return head + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))) + body


def encode_state(state: LeadState) -> bytes:
    """Return a lead's state as it stands in the changelog."""
    document = state.to_json()
    try:
        if state.samples:
            document["samples"] = [sample.json() for sample in state.samples]
        for task, vector in state.open_vectors.items():
            document["open_vectors"][task][0] = vector.sample.json()
        if state.enrolled is not None:
            document["enrolled"][1] = [sample.json() for sample in state.enrolled.samples]
        if state.purchases is not None:
            document["purchases"][4] = [sample.json() for sample in state.purchases.samples]
    except TypeError as error:
        raise _nested_too_deep(error) from None
    return encode_row(document, state.next_due_s, state.offset)


def read_row(value: bytes) -> Row:
    """Check a stored value.

    Raises
    ------
    StateFormatError
        If it is truncated or altered, or of a later schema.
    """
    if value[:1] == _UNPREFIXED:
        return _read_unprefixed(value)
    if len(value) <= _PREFIX_BYTES:
        raise StateFormatError(f"truncated to {len(value)} bytes; {REPAIR}")
    version, due_s, offset = _HEAD.unpack_from(value)
    body = value[_PREFIX_BYTES:]
    (checksum,) = _CHECKSUM.unpack_from(value, _HEAD.size)
    if zlib.crc32(body, zlib.crc32(value[: _HEAD.size])) != checksum:
        raise StateFormatError(f"altered or truncated, its checksum does not match; {REPAIR}")
    if version > SCHEMA_VERSION:
        raise StateFormatError(
            f"of schema {version}, this leadstream reads up to {SCHEMA_VERSION}; "
            "run the release that wrote it, or a later one"
        )
    return Row(version, None if due_s == math.inf else due_s, offset, body)


def offset_of(value: bytes) -> int:
    """Return how far along the log a value is that ``read_row`` has found good."""
    return int(_HEAD.unpack_from(value)[2])


def decode_document(value: bytes) -> dict[str, Any]:
    """Return the document of a stored value.

    Raises
    ------
    StateFormatError
        If it cannot be read.
    """
    try:
        document = orjson.loads(read_row(value).body)
    except orjson.JSONDecodeError as error:
        raise StateFormatError(f"no JSON ({type(error).__name__}); {REPAIR}") from None
    if not isinstance(document, dict):
        raise StateFormatError(f"no JSON object; {REPAIR}")
    return document


def decode_state(value: bytes) -> LeadState:
    """Return the lead state of a stored value.

    Raises
    ------
    StateFormatError
        If it cannot be read.
    """
    return LeadState.from_json(decode_document(value))


def _nested_too_deep(error: TypeError) -> StateFormatError:
    return StateFormatError(f"cannot be written ({error}); {REPAIR}")


def _read_unprefixed(value: bytes) -> Row:
    try:
        document = orjson.loads(value)
        due_s, offset = document.get("next_due_s"), int(document.get("offset", -1))
        return Row(1, None if due_s is None else float(due_s), offset, value)
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise StateFormatError(f"no JSON ({type(error).__name__}); {REPAIR}") from None
