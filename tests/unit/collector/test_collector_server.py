"""What a sender is answered, whatever it sends and however Kafka fares."""

import asyncio
import gzip
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession

from stream.collector.access import Access
from stream.collector.bodies import MAX_BODY_BYTES
from stream.collector.collecting import Collector
from stream.collector.pixel import GIF, pixel_path
from stream.collector.server import PATHS, CollectorServer, Mails
from stream.collector.webhooks import Mailgun
from stream.kafka.intake import NotAcknowledgedError, Room
from stream.lead.given_reasons import given_reason
from stream.lead.outputs import Output
from stream.lead.routing import Router
from stream.lead.sealing import Sealer

KEY = "a-write-key"
BASIC = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}"}
ORIGIN = "https://www.example.com"
PIXEL_KEY = b"a-pixel-key"
NOW_S = 1772443810.0
Post = Callable[..., Awaitable[tuple[int, Any, dict[str, str]]]]


class Kafka:
    """An intake of the test's own: what it took, and how it fares."""

    def __init__(self) -> None:
        self.taken: list[Output] = []
        self.fails: NotAcknowledgedError | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.settles = True
        self.arrived = asyncio.Semaphore(0)

    async def append(self, records: Sequence[Output], when_settled: Callable[[], None]) -> None:
        self.arrived.release()
        if self.settles:
            await self.goes_on.wait()
            when_settled()
        if self.fails is not None:
            raise self.fails
        self.taken += records

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value or b"") for record in self.taken]


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def room() -> Room:
    return Room(2 * MAX_BODY_BYTES)


@pytest.fixture
async def post(kafka: Kafka, room: Room) -> AsyncIterator[Post]:
    server = CollectorServer(
        Access([KEY], [ORIGIN]),
        Collector(Router(b"email-key", Sealer(b"key")), {"scoring": ["Analytics"]}),
        kafka,  # type: ignore[arg-type]
        room,
        Mails(PIXEL_KEY, None, Mailgun("a-signing-key")),
        clock=lambda: NOW_S,
    )
    client = ClientSession(await server.start("127.0.0.1", 0))

    async def send(path: str, body: Any = None, **request: Any) -> Any:
        method = request.pop("method", "POST")
        headers = {**BASIC, **request.pop("headers", {})}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        async with client.request(
            method, path, data=data, headers={k: v for k, v in headers.items() if v}, **request
        ) as answer:
            said = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, orjson.loads(said) if is_json else said, dict(answer.headers)

    yield send
    await client.close()
    await server.stop()


def page(**fields: Any) -> dict[str, Any]:
    return {"messageId": "m", "anonymousId": "v-1", "name": "Home", **fields}


async def test_every_path_takes_its_call(post: Post, kafka: Kafka) -> None:
    message = page(event="x", userId="u", previousId="p", groupId="g")
    for path, call in PATHS.items():
        body = message if call else {"batch": [{**message, "type": "track"}]}
        status, said, _ = await post(path, body)
        assert (status, said) == (200, {"success": True}), path
    assert [event["type"] for event in kafka.events()] == [
        *["page_view"] * 2,
        *["activity"] * 4,
        *["lead_profile"] * 4,
        *["lead_merge"] * 2,
        *["activity"] * 2,
    ]
    assert {record.topic for record in kafka.taken} == {
        "page-views", "lead-activities", "crm-updates"
    }  # fmt: skip
    assert {record.key for record in kafka.taken} == {b"u", b"p"}


async def test_of_a_batch_the_valid_is_taken_and_the_rest_set_aside_with_its_reason(
    post: Post, kafka: Kafka
) -> None:
    batch = [
        {"type": "page", **page()},
        {"type": "pgae", **page()},
        5,
        {"type": "track", "messageId": "m", "userId": "u"},
        page(),
        {"type": "page", **page(text="x" * 40_000)},
        {"type": "page", "name": "of nobody"},
        {"type": "identify", "userId": "null", "traits": {}},
    ]
    status, said, _ = await post("/v1/batch", {"batch": batch})
    assert (status, said["success"]) == (200, True)
    assert [(r["index"], r["reason"], r["field"]) for r in said["refused"]] == [
        (1, "unknown_type", "type"),
        (2, "bad_value", None),
        (3, "missing_field", "name"),
        (4, "missing_field", "type"),
        (5, "too_large", None),
        (6, "missing_field", "lead_id"),
        (7, "bad_value", "lead_id"),
    ]
    assert all(len(r["message"]) > 15 for r in said["refused"])
    assert len(kafka.taken) == len(batch), "each is appended: route sets aside what is not valid"
    reasons = [given_reason(record.headers) for record in kafka.taken]
    assert [r.reason if r else None for r in reasons] == [
        None, "unknown_type", "bad_value", None, "missing_field", "too_large", None, None
    ]  # fmt: skip
    assert kafka.events()[5] == batch[5], "what is no event is kept whole"


async def test_one_invalid_message_is_answered_with_its_fault_and_kept(
    post: Post, kafka: Kafka
) -> None:
    status, said, _ = await post("/v1/page", {"anonymousId": "undefined", "name": "Home"})
    assert status == 400
    assert said["success"] is False
    assert said["field"] == "anonymous_id"
    assert "stands for no one" in said["error"]
    assert len(kafka.taken) == 1


async def test_a_packed_batch_is_taken(post: Post, kafka: Kafka) -> None:
    body = gzip.compress(orjson.dumps({"batch": [{"type": "page", **page()}]}))
    assert (await post("/v1/batch", body, headers={"Content-Encoding": "gzip"}))[0] == 200
    assert len(kafka.taken) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/page", b"{", {}, 400),
        ("/v1/page", b'{"a": "' + b"x" * 40_000 + b'"}', {}, 413),
        ("/v1/batch", b" " * (MAX_BODY_BYTES + 1), {}, 413),
        ("/v1/batch", gzip.compress(bytes(10_000_000), mtime=0), {"Content-Encoding": "gzip"}, 413),
        ("/v1/batch", b'{"batch": [' + b"[" * 900 + b"]" * 900 + b"]}", {}, 400),
        ("/v1/batch", b'{"batch": []}', {"Authorization": "Basic d3Jvbmc6"}, 401),
        ("/v1/batch", b'{"batch": []}', {"Authorization": ""}, 401),
        ("/v1/batch", b'{"batch": []}', {"Origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_what_is_refused_whole_leaves_nothing_behind(
    post: Post, kafka: Kafka, room: Room, path: str, body: bytes, headers: Any, status: int
) -> None:
    answered, said, _ = await post(path, body, headers=headers)
    assert answered == status
    assert said["success"] is False
    assert said["error"]
    assert kafka.taken == []
    assert room.taken_bytes == 0


async def test_a_beacon_brings_its_key_in_the_body_and_needs_no_preflight(
    post: Post, kafka: Kafka
) -> None:
    headers = {"Authorization": "", "Content-Type": "text/plain", "Origin": ORIGIN}
    headers["User-Agent"] = "Mozilla/5.0 (X11)"
    status, _, answered = await post("/v1/p", {**page(), "writeKey": KEY}, headers=headers)
    assert status == 200
    assert answered["Access-Control-Allow-Origin"] == ORIGIN
    assert kafka.events()[0]["context"] == {"user_agent": "Mozilla/5.0 (X11)"}
    assert (await post("/v1/p", {**page(), "writeKey": "wrong"}, headers=headers))[0] == 401


async def test_a_preflight_is_answered_to_pages_that_may_send(post: Post) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Authorization": ""}
    status, _, headers = await post("/v1/t", method="OPTIONS", headers=asked)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Authorization" in headers["Access-Control-Allow-Headers"]
    other = {**asked, "Origin": "https://elsewhere.example"}
    assert (await post("/v1/t", method="OPTIONS", headers=other))[0] == 403


async def test_what_kafka_has_not_acknowledged_is_not_taken(post: Post, kafka: Kafka) -> None:
    kafka.fails = NotAcknowledgedError("Kafka has not acknowledged within 5 s")
    status, said, headers = await post("/v1/page", page())
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "counts once" in said["error"]


async def test_no_more_is_taken_than_there_is_room_for(
    post: Post, kafka: Kafka, room: Room
) -> None:
    kafka.goes_on.clear()
    packed = {"Content-Encoding": "gzip"}
    body = gzip.compress(orjson.dumps({"batch": []}))
    first = [asyncio.create_task(post("/v1/batch", body, headers=packed)) for _ in range(2)]
    for _ in first:
        await kafka.arrived.acquire()
    status, said, headers = await post("/v1/page", page())
    assert (status, headers["Retry-After"]) == (429, "1")
    assert "LEADSTREAM_COLLECT_IN_FLIGHT_BYTES" in said["error"]
    kafka.goes_on.set()
    assert [(await task)[0] for task in first] == [200, 200]
    assert room.taken_bytes == 0


async def test_what_is_still_under_way_after_the_answer_keeps_its_room(
    post: Post, kafka: Kafka, room: Room
) -> None:
    kafka.settles, kafka.fails = False, NotAcknowledgedError("not yet")
    await post("/v1/page", page())
    assert room.taken_bytes > 0


async def test_a_mail_that_is_opened_gets_its_pixel(post: Post, kafka: Kafka, room: Room) -> None:
    agent = {"Authorization": "", "User-Agent": "Mozilla/5.0 (iPhone)"}
    path = pixel_path(PIXEL_KEY, "lead-1", "m-1")
    status, said, headers = await post(path, method="GET", headers=agent)
    assert (status, said, headers["Cache-Control"]) == (200, GIF, "no-store")
    assert headers["Content-Type"] == "image/gif"
    (event,) = kafka.events()
    assert (event["type"], event["lead_id"], event["message_id"]) == ("email_open", "lead-1", "m-1")
    assert event["context"] == {"user_agent": "Mozilla/5.0 (iPhone)"}
    status, said, _ = await post(path.replace("lead-1", "lead-2"), method="GET", headers=agent)
    assert (status, said["field"]) == (403, "signature")
    assert len(kafka.taken) == 1
    assert room.taken_bytes == 0


async def test_mailgun_may_come_again_until_its_events_are_kept(post: Post, kafka: Kafka) -> None:
    at, once = str(int(NOW_S)), "t-1"
    signature = hmac.new(b"a-signing-key", f"{at}{once}".encode(), sha256).hexdigest()
    body = {
        "signature": {"timestamp": at, "token": once, "signature": signature},
        "event-data": {"event": "opened", "id": "mg-1", "timestamp": NOW_S, "recipient": "j@x.de"},
        "long": "x" * 700_000,
    }
    path, nobody = "/v1/webhooks/mailgun", {"Authorization": ""}
    kafka.fails = NotAcknowledgedError("not yet")
    assert (await post(path, body, headers=nobody))[0] == 503
    kafka.fails = None
    assert (await post(path, body, headers=nobody))[0] == 200
    assert (await post(path, body, headers=nobody))[0] == 406
    assert [event["type"] for event in kafka.events()] == ["email_open"]


async def test_what_is_off_says_how_to_switch_it_on(post: Post) -> None:
    status, said, _ = await post("/v1/webhooks/sendgrid", [])
    assert status == 404
    assert "LEADSTREAM_SENDGRID_VERIFICATION_KEY" in said["error"]


async def test_pages_load_the_snippet(post: Post) -> None:
    status, said, headers = await post("/leadstream.js", method="GET")
    assert status == 200
    assert b"sendBeacon" in said
    assert headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_a_message_consent_goes_before_it_and_its_faults_are_told(
    post: Post, kafka: Kafka
) -> None:
    def saying(value: Any) -> dict[str, Any]:
        consent = {"consent": {"categoryPreferences": {"Analytics": value}}}
        return {"type": "page", "userId": "l", "name": "Home", "messageId": "m", "context": consent}

    status, said, _ = await post("/v1/batch", {"batch": [saying(False), saying("no")]})
    assert (status, [(r["index"], r["field"]) for r in said["refused"]]) == (200, [(1, "granted")])
    assert [event["type"] for event in kafka.events()] == ["consent", "page_view"] * 2
    assert [event.get("granted") for event in kafka.events()] == [False, None, "no", None]
