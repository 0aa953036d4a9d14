"""What the README shows of webhooks can be used: the file, and the receiver."""

import base64
import re
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from stream.webhooks.endpoints import parse_webhooks
from stream.webhooks.schedule import MAX_ATTEMPTS, RETRY_DELAYS_S
from stream.webhooks.signing import parse_secrets, signed_headers

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = re.split(r"\n##+ ", README.split("### To webhooks\n")[1])[0]
SECRET = "whsec_" + base64.b64encode(b"r" * 32).decode()


def shown(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return str(found)


def test_the_file_of_the_readme_can_be_used():
    (crm,) = parse_webhooks(shown("toml")).webhook
    assert (crm.name, crm.order) == ("crm", "lead")


def test_the_schedule_is_the_one_of_the_readme():
    units = {"s": 1, "min": 60, "h": 3_600}
    (told,) = re.findall(r"tried again (.*?) later", SECTION)
    delays = tuple(int(n) * units[u] for n, u in (one.split() for one in told.split(", ")))
    assert delays == RETRY_DELAYS_S
    assert MAX_ATTEMPTS == 10
    assert "After ten attempts" in SECTION


async def test_the_receiver_of_the_readme_does_each_message_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_WEBHOOK_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(shown("python"), names)  # noqa: S102 - our own README
    body = orjson.dumps({"type": "nurture_triggered", "action": "call", "lead_id": "lead-1"})
    headers = signed_headers(parse_secrets(SECRET), "6f0c", time.time(), body)
    async with TestClient(TestServer(names["application"])) as client:
        for _ in range(2):
            async with client.post("/leadstream", data=body, headers=headers) as answer:
                assert answer.status == 204
        async with client.post("/leadstream", data=body + b" ", headers=headers) as answer:
            assert answer.status == 401
    assert capsys.readouterr().out == "call for lead-1\n"
