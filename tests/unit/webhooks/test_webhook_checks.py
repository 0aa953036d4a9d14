"""Trying an endpoint out, and what the commands say of names that there are not."""

import ssl
import time
from pathlib import Path

import pytest
from aiohttp import web
from deliverer_process import webhook
from typer.testing import CliRunner
from webhook_receiver import Receiver, always, receiver

from stream.cli.main import app
from stream.kafka.brokers.certificate import Authority
from stream.settings import Settings
from stream.webhooks import process as process_module
from stream.webhooks.checks import enable_endpoint, sent_test
from stream.webhooks.endpoints import WebhooksFileError
from stream.webhooks.process import DelivererError, DelivererProcess


def settings_for(path: Path, *parts: str) -> Settings:
    path.write_text("\n".join(parts), encoding="utf-8")
    return Settings(webhooks_file=path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "webhooks.toml"


@pytest.mark.parametrize("status", [204, 401])
async def test_a_signed_message_is_posted_and_the_answer_told(file, monkeypatch, status):
    async with receiver(always(status)) as crm:
        monkeypatch.setenv("CRM_SECRET", crm.secret)
        settings = settings_for(file, webhook("crm", crm))
        answer, elapsed_s = await sent_test(settings, "crm", "6f0c", time.time())
    assert answer.status == status
    assert 0 < elapsed_s < 5
    ((webhook_id, message),) = crm.came
    assert (webhook_id, message["type"], message["endpoint"]) == ("6f0c", "webhook_test", "crm")
    assert crm.headers[0]["ce-type"] == "leadstream.webhook_test"
    assert "leadstream" in crm.headers[0]["User-Agent"]


async def test_a_certificate_that_is_not_trusted_is_named(file, monkeypatch, tmp_path):
    issued = Authority(tmp_path).issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.both_file)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    crm = Receiver(url=f"https://127.0.0.1:{runner.addresses[0][1]}/hook")
    monkeypatch.setenv("CRM_SECRET", crm.secret)
    try:
        settings = settings_for(file, webhook("crm", crm))
        answer, _ = await sent_test(settings, "crm", "6f0c", time.time())
    finally:
        await runner.cleanup()
    assert answer.fault == "its TLS certificate is not trusted"


async def test_a_name_that_there_is_not_is_told_with_those_that_there_are(file, monkeypatch):
    crm = Receiver(url="http://127.0.0.1:9/hook")
    monkeypatch.setenv("CRM_SECRET", crm.secret)
    settings = settings_for(file, webhook("crm", crm))
    with pytest.raises(WebhooksFileError, match=r"no webhook 'crn'; known are crm"):
        await sent_test(settings, "crn", "6f0c", time.time())
    with pytest.raises(WebhooksFileError, match=r"no webhook 'crn'; known are crm"):
        await enable_endpoint(settings, "crn")


def test_a_file_without_endpoints_is_refused_at_the_start(file):
    with pytest.raises(WebhooksFileError, match=r"there is no \[\[webhook\]\] in it"):
        DelivererProcess(settings_for(file, ""))


def test_the_command_fails_where_nothing_was_taken(file, monkeypatch):
    crm = Receiver(url="http://127.0.0.1:9/hook")
    settings_for(file, webhook("crm", crm))
    monkeypatch.setenv("LEADSTREAM_WEBHOOKS_FILE", str(file))
    monkeypatch.setenv("CRM_SECRET", crm.secret)
    done = CliRunner().invoke(app, ["webhooks", "test", "crm"])
    assert done.exit_code == 1
    assert "webhook 'crm' has not taken it: no connection" in done.output


async def test_a_deliverer_of_which_a_part_fails_ends_and_says_no_value(file, monkeypatch):
    crm = Receiver(url="http://127.0.0.1:9/hook")
    monkeypatch.setenv("CRM_SECRET", crm.secret)
    process = DelivererProcess(settings_for(file, webhook("crm", crm)))

    async def passes(*_: object) -> None:
        pass

    async def fails(*_: object) -> None:
        raise KeyError("jane@example.com")

    monkeypatch.setattr(process_module, "check_topics", passes)
    monkeypatch.setattr(process_module.Ledger, "open", passes)
    monkeypatch.setattr(process_module.Standing, "follow", fails)
    with pytest.raises(DelivererError, match=r"cannot go on \(KeyError in fails") as failed:
        await process.run(lambda *_: None)
    assert "jane" not in str(failed.value)
