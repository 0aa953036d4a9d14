"""One live worker against a real Kafka: what senders push by hand, and what readers get of it."""

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from told_later import WHERE_SOMETHING_IS_WRONG, WHERE_THERE_IS_MORE_TO_TELL
from worker_process import contents, leadstream, own_settings, workers

from schemas import topics
from schemas.dead_letters import DeadLetter
from schemas.scores import ScoreChanged
from schemas.triggers import NurtureTriggered
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer, new_reader, partition_of
from stream.lead.identity import LeadNotFoundError
from stream.lead.routing import MAX_VALUE_BYTES
from stream.lead.state import LeadState
from stream.metrics import REGISTRY
from stream.settings import Settings
from stream.stored_states import find_lead

WAIT_S = 30.0
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(120)]

Sending = tuple[topics.Topic, bytes | None, bytes]


@dataclass(frozen=True)
class Live:
    """A worker that runs, and the Kafka it works on."""

    settings: Settings
    url: str

    async def push(self, *sendings: Sending) -> None:
        """Send records one after the other, as a sender of one's own would."""
        producer = new_producer(self.settings)
        await producer.start()
        try:
            for topic, key, value in sendings:
                name = self.settings.topic(topic.name)
                await producer.send_and_wait(name, value=value, key=key)
        finally:
            await producer.stop()

    async def until(
        self, topic: topics.Topic, enough: Callable[[list[Any]], bool], wait_s: float = WAIT_S
    ) -> list[Any]:
        """Read a topic's committed records from the beginning until there are enough."""
        reader = new_reader(self.settings, self.settings.topic(topic.name))
        await reader.start()
        found: list[Any] = []
        deadline = time.monotonic() + wait_s
        try:
            while not enough(found):
                assert time.monotonic() < deadline, f"{topic.name}: {[r.value for r in found]}"
                for batch in (await reader.getmany(timeout_ms=100)).values():
                    found += batch
            return found
        finally:
            await reader.stop()

    async def state(self, lead_id: str, holds: Callable[[LeadState], bool]) -> LeadState:
        """Return a lead's stored state once it holds what is waited for."""
        deadline, found = time.monotonic() + WAIT_S, None
        while time.monotonic() < deadline:
            try:
                found, _ = await find_lead(self.settings, lead_id)
                if holds(found):
                    return found
            except (LeadNotFoundError, KeyError):
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"{lead_id}: {found}")

    async def carriers(self, text: bytes) -> set[str]:
        """Return the topics of which some record has this text in key, value or header."""
        names = {self.settings.topic(topic.name): topic.name for topic in topics.TOPICS}
        reader = new_reader(self.settings, *names)
        await reader.start()
        try:
            ends = await reader.end_offsets(reader.assignment())
            found = set()
            while any([await reader.position(tp) < end for tp, end in ends.items()]):
                for records in (await reader.getmany(timeout_ms=100)).values():
                    for r in records:
                        parts = [r.key or b"", r.value or b"", *(v for _, v in r.headers)]
                        if any(text in part for part in parts):
                            found.add(names[r.topic])
            return found
        finally:
            await reader.stop()


@pytest.fixture(scope="module")
def live(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live | None]:
    if not kafka.has_transactions:
        yield None  # `_transactions` skips or fails every test of this module
        return
    settings = own_settings(kafka, clock="wall")
    asyncio.run(ensure_topics(settings))
    with workers(settings, tmp_path_factory.mktemp("live")) as (worker,):
        yield Live(settings, worker.wait_until_up())
        assert worker.process.poll() is None, worker.log.read_text()


def own(name: str) -> str:
    """Return an id that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def now(ahead_s: float = 0.0, hours: int = 0) -> str:
    """Return a moment near the present, in Z or with an offset in hours."""
    at = datetime.now(timezone(timedelta(hours=hours))) + timedelta(seconds=ahead_s)
    return at.isoformat().replace("+00:00", "Z")


def body(kind: str, **fields: Any) -> bytes:
    """Return an event of now with an id of its own."""
    return orjson.dumps({"type": kind, "event_id": own("e"), "occurred_at": now(), **fields})


def view(key: bytes | None = None, **fields: Any) -> Sending:
    page = {"url": "https://example.com/blog", **fields}
    return topics.PAGE_VIEWS, key, body("page_view", **page)


def form(**fields: Any) -> Sending:
    return topics.FORM_FILLS, None, body("form_fill", **{"form_id": "f", **fields})


def crm(kind: str, **fields: Any) -> Sending:
    return topics.CRM_UPDATES, None, body(kind, **fields)


def has_keys(*keys: str) -> Callable[[list[Any]], bool]:
    return lambda records: {k.encode() for k in keys} <= {r.key for r in records}


async def test_each_leads_first_score_arrives_as_a_cloud_event_of_the_contract(live: Live) -> None:
    a, b, c, d = own("a"), own("b"), own("c"), own("d")
    await live.push(
        view(b"any key", lead_id=a, occurred_at=now(), colour="green", visit={"deep": [1, None]}),
        view(None, lead_id=b, occurred_at=now(hours=2), title="Größe ✓", duration_s=3),
        (topics.EMAIL_EVENTS, b"\xff\x00", body("email_open", lead_id=c, context={"x": 1})),
        form(lead_id=d, form_kind="demo_request"),
    )
    for record in await live.until(topics.LEAD_SCORES, has_keys(a, b, c, d)):
        score = ScoreChanged.model_validate_json(record.value)
        headers = dict(record.headers)
        assert record.key.decode() == score.lead_id
        assert headers["ce_type"] == b"leadstream.score_changed"
        assert headers["content-type"] == b"application/json"
        assert headers["ce_time"].decode() == orjson.loads(record.value)["occurred_at"]
        assert {"ce_id", "ce_source", "ce_specversion"} <= set(headers)
        assert score.previous_score is None or score.lead_id not in {a, b, c}
    triggers = await live.until(topics.NURTURE_TRIGGERS, has_keys(d))
    of_d = [NurtureTriggered.model_validate_json(r.value) for r in triggers if r.key == d.encode()]
    assert "high_intent" in {t.rule for t in of_d}


async def test_each_refused_event_arrives_whole_with_its_reason_and_the_stream_goes_on(
    live: Live,
) -> None:
    lead = own("refused")
    views = topics.PAGE_VIEWS
    wanted: dict[str, Sending] = {
        "not_json": (views, b"\x00key", b'{"type": "page_view", \xff'),
        "unknown_type": (views, b"k1", body("page_fax", lead_id=lead)),
        "missing_field": (views, None, body("page_view", lead_id=lead)),
        "bad_value": view(b"k2", lead_id="undefined"),
        "too_large": view(b"k3", lead_id=lead, title="x" * MAX_VALUE_BYTES),
        # Refused by score, who knows the lead and no longer the sender's key.
        "too_late": view(lead.encode(), lead_id=lead, occurred_at=now(-8 * 86_400)),
        "in_the_future": view(b"k4", lead_id=lead, occurred_at=now(3_600)),
    }
    await live.push(*wanted.values(), view(lead_id=lead))

    def all_there(records: list[Any]) -> bool:
        values = {contents(live.settings, r).value for r in records}
        return {value for _, _, value in wanted.values()} <= values

    found = {}
    for record in await live.until(topics.DEAD_LETTERS, all_there):
        letter = DeadLetter.model_validate_json(record.value)
        assert dict(record.headers)["reason"].decode() == letter.reason
        found[contents(live.settings, record).value] = (letter, record.key)
    for reason, (topic, key, value) in wanted.items():
        letter, letter_key = found[value]
        assert letter.reason == reason
        assert letter.topic == topic.name
        assert letter.stage == ("score" if reason == "too_late" else "route")
        assert (letter_key or None) == key
    state = await live.state(lead, lambda s: s.events > 0)
    assert state.events == 1


async def test_a_visitors_history_follows_the_lead_to_another_partition(live: Live) -> None:
    visitor, n = own("v"), live.settings.partitions
    home = partition_of(f"anon:{visitor}".encode(), n)
    lead = next(i for i in iter(lambda: own("L"), "") if partition_of(i.encode(), n) != home)
    await live.push(*(view(anonymous_id=visitor) for _ in range(3)))
    await live.state(f"anon:{visitor}", lambda s: s.events == 3)
    await live.push(form(lead_id=lead, anonymous_id=visitor, form_kind="download"))
    joined = await live.state(lead, lambda s: s.events >= 4)
    assert joined.events == 4
    assert [step[1] for step in joined.journey].count("page_view:blog") == 3
    await live.push(view(anonymous_id=visitor), view(anonymous_id=visitor))
    later = await live.state(lead, lambda s: s.events >= 6)
    assert later.events == 6
    forwarded = await live.state(f"anon:{visitor}", lambda s: s.lead_id == lead)
    assert forwarded.events == 6


async def test_an_email_address_stays_in_the_input_and_its_hash_finds_the_lead(live: Live) -> None:
    visitor, lead = own("v"), own("crm")
    email = f"{own('Ada')}@Example.com"
    asked = {"form_kind": "contact", "text": f"Please write to {email}.", "fields": {"e": email}}
    await live.push(view(anonymous_id=visitor), form(anonymous_id=visitor, email=email, **asked))
    joined = await live.state(f"anon:{visitor}", lambda s: s.events == 2)
    assert joined.lead_id.startswith("email:")
    assert await live.carriers(email.encode()) == {topics.FORM_FILLS.name}
    attributes = {"email": f" {email.lower()}", "company_size": 80}
    await live.push(crm("lead_profile", lead_id=lead, attributes=attributes))
    known = await live.state(lead, lambda s: s.events >= 3)
    assert known.events == 3
    assert known.attributes["company_size"] == 80
    await live.push(form(email=email, form_kind="other"), view(anonymous_id=visitor))
    assert (await live.state(lead, lambda s: s.events >= 5)).events == 5
    assert await live.carriers(email.encode()) == {topics.FORM_FILLS.name}
    assert await live.carriers(email.lower().encode()) == {topics.CRM_UPDATES.name}


async def test_the_same_event_sent_twice_counts_once(live: Live) -> None:
    lead = own("twice")
    key, once = lead.encode(), view(lead.encode(), lead_id=lead)
    await live.push(once, once, once, view(key, lead_id=lead))
    state = await live.state(lead, lambda s: s.events >= 2)
    assert state.events == 2
    await live.push(once, crm("stage_change", lead_id=lead, stage="demo"))
    state = await live.state(lead, lambda s: s.stage == "demo")
    assert state.events == 3


async def test_metrics_of_every_family_and_health_are_served(live: Live) -> None:
    ask = {"lead_id": own("asks"), "form_kind": "demo_request"}
    await live.push(
        form(**ask),
        form(**ask),  # held back by the cooldown
        (topics.PAGE_VIEWS, None, b"no JSON"),
    )
    won = await _decided(live, "won")
    # No batch has been taken back on a Kafka that stands.
    wanted = {f.name for f in REGISTRY.collect()} - (
        WHERE_SOMETHING_IS_WRONG | WHERE_THERE_IS_MORE_TO_TELL
    )
    deadline, missing = time.monotonic() + WAIT_S, wanted
    while missing and time.monotonic() < deadline:
        # Quality is told along with a version, at most every five seconds: labels must go on.
        await _decided(live, "lost")
        _, text = await asyncio.to_thread(_get, f"{live.url}/metrics")
        missing = wanted - {f.name for f in text_string_to_metric_families(text) if f.samples}
    assert not missing
    assert won not in text
    for path, status in (("live", "alive"), ("ready", "ready")):
        code, answer = await asyncio.to_thread(_get, f"{live.url}/health/{path}")
        assert (code, json.loads(answer)) == (200, {"status": status})


async def test_an_erased_lead_is_found_no_more(live: Live) -> None:
    lead, visitor = own("forget"), own("v")
    await live.push(view(lead_id=lead, anonymous_id=visitor))
    await live.state(f"anon:{visitor}", lambda s: s.lead_id == lead)
    said = await asyncio.to_thread(leadstream, live.settings, "erase", lead)
    assert lead in said
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            await find_lead(live.settings, lead)
        except LeadNotFoundError:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{lead} is still there")


async def _decided(live: Live, result: str) -> str:
    """Let a new lead look at a page and decide; return its id."""
    lead = own(result)
    await live.push(view(lead_id=lead))
    await live.state(lead, lambda s: s.events == 1)  # topics are not read in one order
    await live.push(crm("outcome", lead_id=lead, result=result))
    return lead


def _get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own worker
        return answer.status, answer.read().decode()
