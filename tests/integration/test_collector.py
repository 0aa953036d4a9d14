"""Events over HTTP, from real libraries to real topics and a score; and through kills."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import npm_packages
import orjson
import pytest
from collector_process import BASIC, WRITE_KEY, CollectorHandle, collector
from prometheus_client.parser import text_string_to_metric_families
from worker_process import environment, own_settings, ran, same_but, workers

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_reader
from stream.settings import Settings

SCRIPT = Path(__file__).with_name("tracking_clients.cjs")
WAIT_S = 30.0
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(200)]


@dataclass(frozen=True)
class Collecting:
    """A collector that runs, and the Kafka it sends to."""

    settings: Settings
    handle: CollectorHandle

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.handle.url + path, data=orjson.dumps(body), headers=BASIC) as answer,
        ):
            return answer.status, await answer.json()

    async def until(self, topic: topics.Topic, count: int) -> list[Any]:
        """Read a topic from its beginning until it has so many records."""
        reader = new_reader(self.settings, self.settings.topic(topic.name))
        await reader.start()
        found: list[Any] = []
        deadline = time.monotonic() + WAIT_S
        try:
            while len(found) < count:
                assert time.monotonic() < deadline, f"{topic.name}: {[r.value for r in found]}"
                for batch in (await reader.getmany(timeout_ms=100)).values():
                    found += batch
            return found
        finally:
            await reader.stop()

    async def events(self, topic: topics.Topic, count: int) -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in await self.until(topic, count)]


@pytest.fixture
def collecting(kafka: Broker, tmp_path: Path) -> Iterator[Collecting]:
    settings = own_settings(kafka, clock="wall", collect_port=0, write_keys=WRITE_KEY)
    asyncio.run(ensure_topics(settings))
    with collector(settings, tmp_path) as handle:
        yield Collecting(settings, handle)
        assert handle.process.poll() is None, handle.log.read_text()


async def test_what_real_libraries_send_becomes_events_and_a_score(
    collecting: Collecting, tmp_path: Path
) -> None:
    lead = f"lead-{uuid.uuid4().hex[:8]}"
    said = await asyncio.to_thread(
        npm_packages.ran, SCRIPT, 60.0, URL=collecting.handle.url, KEY=WRITE_KEY, LEAD=lead
    )
    assert orjson.loads(said) == []

    views = await collecting.events(topics.PAGE_VIEWS, 2)
    by_url = {view["url"]: view for view in views}
    pricing = by_url["https://example.com/pricing"]
    assert pricing["event_id"] == f"{lead}-page"
    assert pricing["anonymous_id"] == f"{lead}-visitor"
    assert pricing["title"] == "Pricing"
    assert pricing["context"] == {
        "ip": "203.0.113.9",
        "locale": "de-DE",
        "user_agent": "Mozilla/5.0",
        "campaign": {"source": "google", "medium": "cpc", "name": "spring"},
    }
    assert by_url["https://example.com/docs"]["lead_id"] == lead

    (mail,) = await collecting.events(topics.EMAIL_EVENTS, 1)
    assert (mail["type"], mail["campaign_id"], mail["message_id"]) == ("email_open", "c", "m")
    (form,) = await collecting.events(topics.FORM_FILLS, 1)
    assert (form["form_id"], form["form_kind"]) == ("demo", "demo_request")
    activities = await collecting.events(topics.LEAD_ACTIVITIES, 4)
    assert sorted(a["name"] for a in activities)[:3] == [
        "screen",
        "trial_started",
        "webinar_attended",
    ]
    updates = await collecting.events(topics.CRM_UPDATES, 7)
    consents = {
        u["purpose"]: (u["lead_id"], u["granted"]) for u in updates if u["type"] == "consent"
    }
    assert consents == {"scoring": (lead, True), "nurturing": (lead, False)}
    (bought,) = [u for u in updates if u["type"] == "purchase"]
    assert (bought["value_minor"], bought["currency"], bought["lead_id"]) == (1999, "EUR", lead)
    (merged,) = [u for u in updates if u["type"] == "lead_merge"]
    assert (merged["lead_id"], merged["into_lead_id"]) == (f"{lead}-old", lead)
    profiles = [u["attributes"] for u in updates if u["type"] == "lead_profile"]
    assert {"company_id": "c-1", "company": "Acme", "industry": "software"} in profiles
    assert {"plan": "pro"} in profiles

    with workers(collecting.settings, tmp_path):
        scores = await collecting.events(topics.LEAD_SCORES, 1)
        letters = await collecting.events(topics.DEAD_LETTERS, 1)
    assert scores[0]["lead_id"] == lead or scores[0]["lead_id"].startswith("anon:")
    (letter,) = letters
    assert (letter["reason"], letter["field"]) == ("bad_value", "name"), "of 300 characters"


async def test_a_batch_with_faults_is_taken_and_its_faults_become_dead_letters(
    collecting: Collecting, tmp_path: Path
) -> None:
    good = {"type": "page", "userId": "lead-1", "name": "Home"}
    status, said = await collecting.post(
        "/v1/batch", {"batch": [good, {"type": "pgae"}, {**good, "text": "x" * 40_000}, "text"]}
    )
    assert status == 200
    assert [refused["index"] for refused in said["refused"]] == [1, 2, 3]
    with workers(collecting.settings, tmp_path):
        letters = await collecting.events(topics.DEAD_LETTERS, 3)
        scores = await collecting.events(topics.LEAD_SCORES, 1)
    assert sorted(letter["reason"] for letter in letters) == [
        "bad_value",
        "too_large",
        "unknown_type",
    ]
    assert scores[0]["lead_id"] == "lead-1"
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{collecting.handle.metrics_url}") as answer,
    ):
        families = {f.name: f for f in text_string_to_metric_families(await answer.text())}
    (requests,) = [
        s for s in families["leadstream_collect_requests"].samples if s.name.endswith("_total")
    ]
    assert (requests.labels, requests.value) == ({"endpoint": "batch", "status": "200"}, 1)


def test_without_keys_kafka_or_topics_it_says_what_to_do(kafka: Broker) -> None:
    settings = own_settings(kafka, collect_port=0)
    assert "set one or more" in _failed(settings)
    keyed = same_but(settings, write_keys=WRITE_KEY)
    assert "run `leadstream topics`" in _failed(keyed)
    assert "LEADSTREAM_KAFKA_BOOTSTRAP" in _failed(same_but(keyed, kafka_bootstrap="127.0.0.1:1"))


def _failed(settings: Settings) -> str:
    done = ran(environment(settings), "collect")
    assert done.returncode == 1
    print(done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]
