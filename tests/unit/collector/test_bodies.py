"""Bodies are read within bounds, and what is refused says why."""

import gzip
import tracemalloc
from typing import Any

import orjson
import pytest

from stream.collector.bodies import (
    MAX_BODY_BYTES,
    MAX_MESSAGES,
    parsed_batch,
    parsed_message,
    unpacked,
)
from stream.collector.refusals import RefusedRequestError
from stream.lead.given_reasons import MAX_MESSAGE_BYTES


def test_a_packed_body_is_unpacked() -> None:
    body = orjson.dumps({"batch": []})
    assert unpacked(gzip.compress(body), "gzip") == body
    assert unpacked(gzip.compress(body), " GZIP ") == body
    assert unpacked(body, "") == body
    assert unpacked(b"x" * MAX_BODY_BYTES, "identity") == b"x" * MAX_BODY_BYTES


def test_a_zip_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    with pytest.raises(RefusedRequestError) as caught:
        unpacked(bomb, "gzip")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak_bytes < 4 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("body", "encoding", "status", "said"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), "", 413, "at most 512,000"),
        (b"{}", "gzip", 400, "take away the header Content-Encoding"),
        (gzip.compress(b"{}" * 500, mtime=0)[:-3], "gzip", 400, "cut off"),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400, "behind its end"),
        (b"{}", "br", 415, "Content-Encoding = br: send gzip"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(
    body: bytes, encoding: str, status: int, said: str
) -> None:
    with pytest.raises(RefusedRequestError, match=said) as caught:
        unpacked(body, encoding)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no JSON"),
        (b"[]", 400, "a JSON list; send a JSON object"),
        (b"{}", 400, "batch is missing"),
        (b'{"batch": {}}', 400, "batch = dict"),
        (b'{"batch": [%s]}' % b",".join([b"1"] * (MAX_MESSAGES + 1)), 413, "at most 2,500"),
    ],
)
def test_what_is_no_batch_is_refused(body: bytes, status: int, said: str) -> None:
    with pytest.raises(RefusedRequestError, match=said) as caught:
        parsed_batch(body)
    assert caught.value.status == status


def test_a_batch_lends_its_messages_its_context() -> None:
    body: dict[str, Any] = {
        "batch": [{"context": {"ip": "1.1.1.1"}}, {}, 5],
        "context": {"ip": "2.2.2.2", "locale": "de"},
        "sentAt": "2026-03-02T10:30:10Z",
        "writeKey": "key",
    }
    found = parsed_batch(orjson.dumps(body))
    assert found.messages == [
        {"context": {"ip": "1.1.1.1", "locale": "de"}},
        {"context": {"ip": "2.2.2.2", "locale": "de"}},
        5,
    ]
    assert (found.sent_at, found.write_key) == ("2026-03-02T10:30:10Z", "key")


def test_one_message_may_have_32_kilobytes() -> None:
    fits = orjson.dumps({"a": "x" * (MAX_MESSAGE_BYTES - 8)})
    assert parsed_message(fits).messages == [orjson.loads(fits)]
    with pytest.raises(RefusedRequestError, match="32,769 bytes, at most 32,768") as caught:
        parsed_message(fits + b" ")
    assert caught.value.status == 413
