"""Who may ask a worker for what."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from stream.lead.identity import LeadNotFoundError
from stream.web import WebServer

TOKEN = "a-token-of-the-house"  # noqa: S105 - of this test alone
Ask = Callable[..., Awaitable[tuple[int, Any, dict[str, str]]]]


async def _explain(lead_id: str) -> dict[str, Any]:
    if lead_id != "anon:V 1":
        raise LeadNotFoundError(f"no state of lead {lead_id!r}")
    return {"lead_id": lead_id, "score": 66.7}


@pytest.fixture
async def ask() -> AsyncIterator[Callable[..., Awaitable[Ask]]]:
    clients: list[TestClient[Any, Any]] = []

    async def make(host: str, token: str | None, *, knows_leads: bool = True) -> Ask:
        server = WebServer(
            host, 0, lambda: True, explain=_explain if knows_leads else None, token=token
        )
        client = TestClient(TestServer(server.application()))
        await client.start_server()
        clients.append(client)

        async def get(path: str, authorization: str | None = None, **request: Any) -> Any:
            headers = {} if authorization is None else {"Authorization": authorization}
            if (asked_for := request.pop("host", None)) is not None:
                headers["Host"] = asked_for
            method = request.pop("method", "GET")
            async with client.request(method, path, headers=headers, **request) as answer:
                is_json = answer.content_type == "application/json"
                body = await answer.json() if is_json else await answer.text()
                return answer.status, body, dict(answer.headers)

        return get

    yield make
    for client in clients:
        await client.close()


async def test_on_loopback_leads_are_shown_without_a_token(ask):
    get = await ask("127.0.0.1", None)
    status, body, _ = await get("/leads/anon:V%201")
    assert (status, body) == (200, {"lead_id": "anon:V 1", "score": 66.7})
    status, body, _ = await get("/leads/L2")
    assert (status, body) == (404, {"error": "no state of lead 'L2'"})


@pytest.mark.parametrize("host", ["localhost:9108", "127.0.0.1", "[::1]:9108", "LOCALHOST"])
async def test_this_machine_may_be_asked_by_each_of_its_names(ask, host):
    get = await ask("127.0.0.1", None)
    assert (await get("/leads/anon:V%201", host=host))[0] == 200


@pytest.mark.parametrize(
    "host", ["shop.example", "127.0.0.1.shop.example:9108", "localhost.example", "a@b", "[", ""]
)
async def test_a_web_page_whose_name_was_turned_to_this_machine_reads_nothing(ask, host):
    get = await ask("127.0.0.1", None)
    status, body, _ = await get("/leads/anon:V%201", host=host)
    assert status in {400, 403}
    assert "66.7" not in str(body)
    if status == 403:
        assert "LEADSTREAM_WEB_TOKEN" in body["error"]
    get = await ask("127.0.0.1", TOKEN)
    assert (await get("/leads/anon:V%201", f"Bearer {TOKEN}", host="leads.example"))[0] == 200
    assert (await get("/metrics", host="leads.example"))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing listens there
@pytest.mark.parametrize(
    "given",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", "Bearer \udcff"],
)
async def test_a_token_that_is_set_has_to_be_brought(ask, host, given):
    get = await ask(host, TOKEN)
    status, body, headers = await get("/leads/anon:V%201", given)
    assert status == 401
    assert "Bearer" in body["error"]
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN not in str(body)


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
async def test_who_brings_the_token_sees_leads_from_anywhere(ask, given):
    get = await ask("0.0.0.0", TOKEN)  # noqa: S104 - nothing listens there
    assert (await get("/leads/anon:V%201", given))[0] == 200


@pytest.mark.parametrize(
    "path", ["/leads/anon:V%201", "/leads/L2", "/other", "/metrics/../leads/L2"]
)
@pytest.mark.parametrize("host", ["0.0.0.0", "", "10.0.0.1", "worker-1"])  # noqa: S104
async def test_beyond_loopback_nothing_is_shown_without_a_token(ask, path, host):
    get = await ask(host, None)
    status, body, _ = await get(path)
    assert status == 403
    assert "LEADSTREAM_WEB_TOKEN" in body["error"]


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
async def test_metrics_and_health_stay_open(ask, path):
    for token in (None, TOKEN):
        get = await ask("0.0.0.0", token)  # noqa: S104 - nothing listens there
        assert (await get(path))[0] == 200


async def test_every_answer_forbids_guessing_and_keeping(ask):
    get = await ask("127.0.0.1", TOKEN)
    for path in ("/metrics", "/health/ready", "/leads/L2", "/nowhere"):
        for authorization in (None, f"Bearer {TOKEN}"):
            _, _, headers = await get(path, authorization)
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Cache-Control"] == "no-store", path


async def test_a_worker_without_scores_says_whom_to_ask(ask):
    get = await ask("127.0.0.1", None, knows_leads=False)
    status, body, _ = await get("/leads/L1")
    assert status == 404
    assert "role score" in body["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/metrics", "/leads/L1"])
async def test_nothing_takes_a_body(ask, method, path):
    get = await ask("127.0.0.1", None)
    assert (await get(path, method=method, data=b"x" * 100_000))[0] == 405


async def test_whoever_sends_slowly_or_without_end_holds_nobody_up():
    server = WebServer("127.0.0.1", 0, lambda: True)
    url = URL(await server.start())
    writers = []
    try:
        for n in range(60):
            _, writer = await asyncio.open_connection(url.host, url.port)
            writers.append(writer)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            if n % 2:
                writer.write(b"1\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 100_000)
            await writer.drain()
        async with asyncio.timeout(20), ClientSession() as session:
            for _ in range(5):
                async with session.get(url / "metrics") as answer:
                    assert answer.status == 200
            async with session.get(url / "metrics", headers={"X": "y" * 100_000}) as answer:
                assert answer.status == 400
    finally:
        for writer in writers:
            writer.close()
        await server.stop()
