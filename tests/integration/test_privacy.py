"""A lead asks to be forgotten, on a real Kafka; and what a worker lets out of what it reads."""

import asyncio
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_process import WorkerHandle, leadstream, own_settings, workers

from schemas import topics
from schemas.erasures import LeadErased
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.lead.erasure import ERASED_PREFIX
from stream.lead.identity import LeadNotFoundError
from stream.settings import Settings
from stream.stored_states import find_lead

WAIT_S = 60.0
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(240)]

EMAIL = "marked.jane@example.com"
MARKS = (b"marked.jane", b"MarkedName", b"+49 30 990 1234", b"203.0.113.77", b"MarkedText")


def event(kind: str, event_id: str, second: int, **fields: Any) -> dict[str, Any]:
    at = f"2026-02-01T00:{second // 60:02}:{second % 60:02}Z"
    return {"type": kind, "event_id": event_id, "occurred_at": at, **fields}


def lines() -> list[bytes]:
    """Return events of a lead with several names, full of what is personal, and faulty ones."""
    context = {"ip": "203.0.113.77", "user_agent": f"app ({EMAIL})"}
    url = "https://example.com/pricing?mail=marked.jane%40example.com"
    personal = {"email": EMAIL, "text": f"MarkedText of MarkedName, +49 30 990 1234, {EMAIL}"}
    fields = {"name": "MarkedName", "phone": "+49 30 990 1234"}
    profile = {"attributes": {"email": EMAIL, "name": "MarkedName", "phone": "+49 30 990 1234"}}
    events = [
        event("page_view", "a", 0, anonymous_id="v", url=url, referrer=url, context=context),
        event("form_fill", "b", 1, anonymous_id="v", form_id="f", form_kind="demo_request",
              fields=fields, context=context, **personal),
        event("lead_profile", "c", 2, lead_id="L", anonymous_id="v", **profile),
        event("email_reply", "d", 3, lead_id="L", **personal),
        event("activity", "e", 4, lead_id="L", name="call", properties=fields | personal),
        event("lead_merge", "f", 5, lead_id="old", into_lead_id="L"),
        event("page_view", "g", 6, lead_id=EMAIL, url="/by-mail"),
        event("outcome", "h", 7, lead_id="L", result="lost"),
        event("page_view", "i", 8, lead_id="other", anonymous_id="w", url="/"),
    ]  # fmt: skip
    faulty = [
        event("page_view", "j", 9, lead_id="L", url="/", duration_s="MarkedText", title=EMAIL),
        event("form_fill", "k", 10, form_id="f", form_kind="MarkedText", **personal),
        event("page_view", "l", 11, lead_id="undefined", url=f"/{EMAIL}"),
        event("page_view", "m", 0, lead_id="L", url="/")
        | {"occurred_at": "2020-01-01T00:00:00Z", "title": f"MarkedText {EMAIL}"},
    ]  # fmt: skip
    return [*map(orjson.dumps, [*events, *faulty]), b'{"email": "marked.jane@example.com", ']


@pytest.fixture(scope="module")
def worked(
    kafka: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, WorkerHandle, Path] | None]:
    if not kafka.has_transactions:
        yield None  # `_transactions` skips or fails every test of this module
        return
    settings = own_settings(kafka, log_level="DEBUG", partitions=3)
    asyncio.run(ensure_topics(settings))
    folder = tmp_path_factory.mktemp("privacy")
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(lines()))
    with workers(settings, folder) as (worker,):
        leadstream(settings, "replay", str(file), "--drain-s", "60")
        yield settings, worker, file
        assert worker.process.poll() is None, worker.log.read_text()


async def records(settings: Settings, topic: topics.Topic) -> list[Any]:
    found: list[Any] = []
    for number in range(topic.partitions or settings.partitions):
        found += await read_all(settings, settings.topic(topic.name), number)
    return found


def metrics_of(worker: WorkerHandle) -> bytes:
    with urllib.request.urlopen(f"{worker.wait_until_up()}/metrics", timeout=10) as answer:  # noqa: S310 - our own worker
        content: bytes = answer.read()
        return content


async def is_known(settings: Settings, lead_id: str) -> bool:
    try:
        await find_lead(settings, lead_id)
    except LeadNotFoundError:
        return False
    return True


async def test_nothing_personal_is_in_logs_metrics_and_headers(worked) -> None:
    settings, worker, _ = worked
    said = [worker.log.read_bytes(), await asyncio.to_thread(metrics_of, worker)]
    letters = await records(settings, topics.DEAD_LETTERS)
    assert len(letters) >= 5
    for topic in topics.TOPICS:
        for record in await records(settings, topic):
            said += [value for _, value in record.headers]
    for mark in MARKS:
        assert not [s for s in said if mark in s], mark


async def test_email_addresses_are_in_no_topic_but_those_that_were_sent(worked) -> None:
    settings, _, _ = worked
    for topic in topics.TOPICS:
        if topic in topics.INPUTS or topic is topics.DEAD_LETTERS:
            continue
        for record in await records(settings, topic):
            for part in (record.key or b"", record.value or b""):
                assert b"marked.jane" not in part.lower(), topic.name


async def test_an_erased_lead_stays_gone_when_its_events_are_replayed(worked) -> None:
    settings, worker, file = worked
    assert await is_known(settings, EMAIL), "the lead was to be found by its email address"
    assert EMAIL not in await asyncio.to_thread(leadstream, settings, "erase", EMAIL)
    deadline = time.monotonic() + WAIT_S
    while len(await records(settings, topics.ERASURES)) < 1 or await is_known(settings, "anon:v"):
        assert time.monotonic() < deadline, worker.log.read_text()
        await asyncio.sleep(0.1)
    gone = {"L", "old", "anon:v", EMAIL}
    for _ in range(2):
        assert not [a for a in gone if await is_known(settings, a)]
        assert await is_known(settings, "other")
        await asyncio.to_thread(leadstream, settings, "replay", str(file), "--drain-s", "60")

    last: dict[bytes, bytes | None] = {}
    for record in await records(settings, topics.LEAD_STATES):
        last[record.key] = record.value
    assert {k for k in (b"L", b"old", b"anon:v") if last[k] is None} == {b"L", b"old", b"anon:v"}
    assert sum(k.startswith(ERASED_PREFIX) for k in last) == 4
    (audit,) = [
        LeadErased.model_validate_json(r.value) for r in await records(settings, topics.ERASURES)
    ]
    assert audit.addresses == 4
    assert f"{audit.lead_hash}" in worker.log.read_text()
    assert "0 cannot" in await asyncio.to_thread(leadstream, settings, "state", "check")
