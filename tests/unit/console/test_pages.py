"""Who may ask the console for what, and what it answers."""

import orjson
import pytest
from aiohttp import ClientSession
from console_double import served

TOKEN = "a-token-of-the-house"  # noqa: S105 - of this test alone
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DATA = ["leads", "leads/L1", "triggers", "dead-letters", "models", "health", "changes"]


@pytest.mark.parametrize("path", [f"api/{name}" for name in [*DATA, "reports/journey"]])
async def test_data_is_for_who_has_the_token(path: str) -> None:
    async with served(TOKEN) as double, ClientSession() as client:
        async with client.get(double.url + path) as answer:
            assert answer.status == 401
        async with client.get(double.url + path, headers=BEARER) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["", "console.js", "charts.js", "console.css", "icon.svg"])
async def test_the_page_itself_is_open_and_small(name: str) -> None:
    async with (
        served(TOKEN) as double,
        ClientSession() as client,
        client.get(double.url + name) as answer,
    ):
        body = await answer.read()
        assert answer.status == 200
        assert len(body) < 30_000
        assert b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in body
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("decision", ["promote", "rollback", "release"])
async def test_models_are_decided_upon_with_the_token_alone(decision: str) -> None:
    path = f"api/models/p_convert/{decision}"
    chosen = orjson.dumps({"chosen": "logistic"})
    async with served(TOKEN) as double, ClientSession() as client:
        async with client.post(double.url + path, data=chosen) as answer:
            assert answer.status == 401
        async with client.post(double.url + path, data=chosen, headers=BEARER) as answer:
            assert (answer.status, await answer.json()) == (200, {"done": "done"})
        assert double.decided == [(decision, "p_convert", "logistic")]
    async with served(None) as double, ClientSession() as client:
        async with client.post(double.url + path, data=chosen) as answer:
            said = await answer.json()
            assert answer.status == 403
            assert "LEADSTREAM_WEB_TOKEN" in said["error"]
        assert double.decided == []


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("promote", b"{", 400, ""),
        ("promote", b"[]", 400, ""),
        ("promote", b'{"chosen": 1}', 400, "chosen: give a kind or a version as text"),
        ("promote", b'{"chosen": "unknown"}', 400, "no version by 'unknown'"),
        ("promote", b" " * 5_000, 413, "4096 bytes"),
        ("delete", b"{}", 404, "promote, rollback or release"),
    ],
)
async def test_a_decision_that_cannot_be_is_refused(path, body, status, said) -> None:
    async with served(TOKEN) as double, ClientSession() as client:
        url = f"{double.url}api/models/p_convert/{path}"
        async with client.post(url, data=body, headers=BEARER) as answer:
            assert answer.status == status
            assert said in (await answer.json())["error"]
        assert double.decided == []


async def test_a_report_is_sentences_tables_and_plots() -> None:
    async with served() as double, ClientSession() as client:
        async with client.get(f"{double.url}api/reports/journey") as answer:
            report = await answer.json()
        assert set(report) == {"name", "sentences", "tables", "plots"}
        async with client.get(f"{double.url}api/reports/none") as answer:
            assert answer.status == 404
            assert "attribution" in (await answer.json())["error"]


async def test_changes_are_told_as_server_sent_events() -> None:
    async with (
        served() as double,
        ClientSession() as client,
        client.get(f"{double.url}api/changes") as answer,
    ):
        assert answer.content_type == "text/event-stream"
        assert (await answer.content.readuntil(b"\n\n")).startswith(b"event: health\n")
        double.score("L1", 81.0)
        name, data, _ = (await answer.content.readuntil(b"\n\n")).split(b"\n", 2)
        (change,) = orjson.loads(data.removeprefix(b"data: "))
        assert (name, change["lead_id"], change["tier"]) == (b"event: changes", "L1", "hot")
