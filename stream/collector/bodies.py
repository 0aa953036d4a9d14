"""What a request's body holds, read within bounds."""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from stream.collector.refusals import RefusedRequestError
from stream.lead.given_reasons import MAX_MESSAGE_BYTES

MAX_BODY_BYTES = 500 * 1024
"""Of a request, unpacked; as Segment has it."""
MAX_WEBHOOK_BYTES = 1 << 20
"""Of a provider's report: SendGrid sends up to 768 KB at once."""
MAX_MESSAGES = 2_500
"""In a batch: each becomes a record, also where it is next to nothing."""
_GZIP = 31
"""zlib's word for a gzip header and the largest window."""


class Body(NamedTuple):
    """The messages of a request, when it was sent, and its write key where the body has it."""

    messages: list[Any]
    sent_at: Any
    write_key: str | None


def unpacked(body: bytes, encoding: str, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return a body without its encoding; no more of it is unpacked than may be taken.

    Raises
    ------
    RefusedRequestError
        If it is too large, or is not what its encoding says.
    """
    match encoding.strip().lower():
        case "" | "identity":
            plain = body
        case "gzip" | "x-gzip":
            plain = _gunzipped(body, most_bytes)
        case other:
            raise RefusedRequestError(
                415,
                f"Content-Encoding = {other:.40}: send gzip, or the plain body without the header",
                "Content-Encoding",
            )
    if len(plain) > most_bytes:
        raise too_large(f"more than {most_bytes:,}", most_bytes)
    return plain


def too_large(size: str, most_bytes: int) -> RefusedRequestError:
    """Return the refusal of a body of this size."""
    return RefusedRequestError(
        413, f"the body has {size} bytes, at most {most_bytes:,} unpacked; send smaller batches"
    )


def _gunzipped(body: bytes, most_bytes: int) -> bytes:
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise RefusedRequestError(
            400,
            f"the body is no gzip ({error}); take away the header Content-Encoding, or pack it",
            "Content-Encoding",
        ) from None
    if len(plain) <= most_bytes and (not reader.eof or reader.unused_data):
        raise RefusedRequestError(
            400, "the gzip body is cut off or has something behind its end; send it whole"
        )
    return plain


def parsed_batch(body: bytes) -> Body:
    """Return the messages of a batch; the batch's context stands behind each message's own.

    Raises
    ------
    RefusedRequestError
        If it is no batch, or has too many messages.
    """
    given = _json_object(body)
    messages = given.get("batch")
    if not isinstance(messages, list):
        said = "is missing" if messages is None else f"= {type(messages).__name__}"
        raise RefusedRequestError(
            400, f"batch {said}: send the messages as a list in the field batch", "batch"
        )
    if len(messages) > MAX_MESSAGES:
        raise RefusedRequestError(
            413,
            f"batch has {len(messages):,} messages, at most {MAX_MESSAGES:,}; send several batches",
            "batch",
        )
    context = given.get("context")
    if isinstance(context, dict):
        messages = [_with_context(message, context) for message in messages]
    return Body(messages, given.get("sentAt"), _write_key(given))


def parsed_message(body: bytes) -> Body:
    """Return the one message of a request.

    Raises
    ------
    RefusedRequestError
        If it is no JSON object, or larger than a message may be.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise RefusedRequestError(
            413,
            f"the message has {len(body):,} bytes, at most {MAX_MESSAGE_BYTES:,}; send long "
            "content by reference",
        )
    given = _json_object(body)
    return Body([given], None, _write_key(given))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedRequestError(
            400, f"the body is no JSON (RFC 8259, UTF-8): {error}; send a JSON object"
        ) from None
    if not isinstance(given, dict):
        raise RefusedRequestError(
            400, f"the body is a JSON {type(given).__name__}; send a JSON object"
        )
    return given


def _with_context(message: Any, context: Mapping[str, Any]) -> Any:
    if not isinstance(message, dict):
        return message
    own = message.get("context")
    return {**message, "context": {**context, **own} if isinstance(own, dict) else context}


def _write_key(given: Mapping[str, Any]) -> str | None:
    key = given.get("writeKey")
    return key if isinstance(key, str) else None
