"""The Mautic recipe, against a Mautic that answers as Mautic does."""

import base64
import importlib.util
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from stream.webhooks.signing import parse_secrets, signed_headers

RECIPE = Path(__file__).parents[3] / "deploy" / "webhooks" / "mautic.py"
SECRET = "whsec_" + base64.b64encode(b"m" * 32).decode()
TRIGGER = {
    "type": "nurture_triggered",
    "lead_id": "lead-1",
    "action": "nurture_email",
    "tier": "hot",
    "expires_at": "2999-01-01T00:00:00Z",
}


def recipe() -> Any:
    spec = importlib.util.spec_from_file_location("mautic_recipe", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FakeMautic:
    """Contacts by `lead_id`, their points and segments."""

    def __init__(self) -> None:
        self.contacts = {"lead-1": 47}
        self.points = {47: 0}
        self.segments: set[tuple[int, int]] = set()
        self.is_down = False

    def application(self) -> web.Application:
        found = web.Application(middlewares=[self.guard])
        found.router.add_get("/api/contacts", self.search)
        found.router.add_post("/api/contacts/{id}/points/plus/{points}", self.add_points)
        found.router.add_post("/api/segments/{segment}/contact/{id}/add", self.add_to_segment)
        return found

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_down:
            return web.Response(status=500)
        if (
            request.headers.get("Authorization")
            != f"Basic {base64.b64encode(b'api:pass').decode()}"
        ):
            return web.json_response({"errors": [{"code": 401}]}, status=401)
        return await handler(request)

    async def search(self, request: web.Request) -> web.Response:
        lead_id = request.query["search"].removeprefix('lead_id:"').removesuffix('"')
        contact = self.contacts.get(lead_id)
        if contact is None:
            return web.json_response({"total": "0", "contacts": []})
        found = {
            str(number): {"id": number, "fields": {"all": {"lead_id": known}}}
            for known, number in (("xlead-1", 12), (lead_id, contact))
        }
        return web.json_response({"total": "2", "contacts": found})

    async def add_points(self, request: web.Request) -> web.Response:
        self.points[int(request.match_info["id"])] += int(request.match_info["points"])
        return web.json_response({"success": 1})

    async def add_to_segment(self, request: web.Request) -> web.Response:
        self.segments.add((int(request.match_info["segment"]), int(request.match_info["id"])))
        return web.json_response({"success": 1})


@pytest.fixture
async def mautic() -> AsyncIterator[tuple[FakeMautic, str]]:
    fake = FakeMautic()
    async with TestServer(fake.application()) as server:
        yield fake, str(server.make_url("/"))


@pytest.fixture
async def receiver(
    mautic: tuple[FakeMautic, str], tmp_path: Path
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    module, (_, url) = recipe(), mautic
    client = module.Mautic(url, "api", "pass")
    done = module.Done(str(tmp_path / "done.sqlite"))
    application = module.application(SECRET, client, done, {"nurture_email": 4})
    async with TestClient(TestServer(application)) as found:
        yield found


async def post(receiver: Any, webhook_id: str, **changed: Any) -> int:
    body = orjson.dumps({**TRIGGER, **changed})
    headers = signed_headers(parse_secrets(SECRET), webhook_id, time.time(), body)
    async with receiver.post("/leadstream", data=body, headers=headers) as answer:
        return int(answer.status)


async def test_a_trigger_gives_points_and_a_segment_once(mautic, receiver):
    fake, _ = mautic
    assert [await post(receiver, "id-1"), await post(receiver, "id-1")] == [204, 204]
    assert (fake.points[47], fake.segments) == (10, {(4, 47)})
    assert await post(receiver, "id-2", tier="cold", action="call") == 204
    assert (fake.points[47], fake.segments) == (10, {(4, 47)})


async def test_what_cannot_be_done_yet_is_asked_for_again(mautic, receiver):
    fake, _ = mautic
    assert await post(receiver, "id-3", lead_id="lead-2") == 422
    fake.contacts["lead-2"], fake.points[48] = 48, 0
    fake.is_down = True
    assert await post(receiver, "id-3", lead_id="lead-2") == 503
    fake.is_down = False
    assert await post(receiver, "id-3", lead_id="lead-2") == 204
    assert fake.points[48] == 10


async def test_what_is_too_late_of_another_kind_or_not_signed_changes_nothing(mautic, receiver):
    fake, _ = mautic
    assert await post(receiver, "id-4", expires_at="2020-01-01T00:00:00Z") == 204
    assert await post(receiver, "id-5", type="webhook_test") == 204
    async with receiver.post("/leadstream", data=b"{}", headers={"webhook-id": "x"}) as answer:
        assert answer.status == 401
    assert await post(receiver, "id-6", lead_id='x" OR is:mine') == 422
    assert (fake.points[47], fake.segments) == (0, set())
