"""Segments on a running Kafka: found, told, and the same after a kill."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from checks import check
from worker_process import WorkerHandle, feed, leadstream, own_settings

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.settings import Settings
from stream.simulator.simulation import SimulatedEvent

DEADLINE_S = 90.0
PAGES = {"reader": ("blog", "blog", "webinars"), "buyer": ("docs", "docs", "pricing")}
LEADS = {f"lead-{number}": ("reader", "buyer")[number % 2] for number in range(120)}
NUMBERS = count()


def views(lead: str, kind: str, times: int) -> Iterator[SimulatedEvent]:
    """Yield page views of one lead, as they happen now."""
    random = Random(f"{lead}/{kind}")
    for _ in range(times):
        now = datetime.now(UTC)
        body = {
            "type": "page_view",
            "event_id": f"view-{next(NUMBERS)}",
            "occurred_at": now.isoformat(),
            "lead_id": lead,
            "url": f"https://example.com/{random.choice(PAGES[kind])}",
        }
        key = lead.encode()
        yield SimulatedEvent(topics.PAGE_VIEWS.name, key, orjson.dumps(body), now.timestamp(), None)


async def until(
    settings: Settings, topic: topics.Topic, is_there: Callable[[list[Any]], bool], what: str
) -> list[Any]:
    """Read a topic whole until what is waited for is there; return its records."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        partitions = topic.partitions or settings.partitions
        name = settings.topic(topic.name)
        found = [r for n in range(partitions) for r in await read_all(settings, name, n)]
        if is_there(found):
            return found
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)


def changes(records: list[Any], kind: str = "learned") -> list[dict[str, Any]]:
    bodies = [orjson.loads(record.value) for record in records]
    return [one for one in bodies if one["type"] == "segment_changed" and one["kind"] == kind]


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_segments_are_found_and_their_ids_outlast_a_kill(
    kafka: Broker, tmp_path: Path
) -> None:
    (segments := tmp_path / "segments.toml").write_text(
        '[[segment]]\nname = "evaluating"\nsequence = ["page_view:docs"]\n'
    )
    settings = own_settings(
        kafka, clock="wall", partitions=2, checkpoint_interval_s=0.5, session_timeout_s=6.0,
        segments_file=segments,
    )  # fmt: skip
    await ensure_topics(settings)
    worker = WorkerHandle(settings, tmp_path / "worker-0.log")
    try:
        await asyncio.to_thread(worker.wait_until_up)
        await feed(settings, (v for lead, kind in LEADS.items() for v in views(lead, kind, 8)))
        await until(
            settings,
            topics.MODEL_SNAPSHOTS,
            lambda found: any(record.key == b"segments/serving" for record in found),
            "no segments were ever served",
        )
        # With its next event each lead comes into its segment; who did so before the first
        # version was taken up does with the event after that.
        deadline = time.monotonic() + DEADLINE_S
        while True:
            await feed(settings, (v for lead, kind in LEADS.items() for v in views(lead, kind, 1)))
            name = settings.topic(topics.LEAD_SCORES.name)
            found = [r for n in range(2) for r in await read_all(settings, name, n)]
            if {body["lead_id"] for body in changes(found)} == set(LEADS):
                break
            assert time.monotonic() < deadline, "not all leads came into a segment"
        of = {body["lead_id"]: body["segment"] for body in changes(found)}
        assert len(set(of.values())) == 2
        assert len({(LEADS[lead], segment) for lead, segment in of.items()}) == 2

        worker.process.kill()
        worker.process.wait()
        worker = WorkerHandle(settings, tmp_path / "worker-1.log")
        await asyncio.to_thread(worker.wait_until_up)
        await feed(settings, views("lead-0", "buyer", 60))
        told = await until(
            settings,
            topics.LEAD_SCORES,
            lambda found: sum(body["lead_id"] == "lead-0" for body in changes(found)) == 2,
            "lead-0 never moved",
        )
        (_, moved) = (body for body in changes(told) if body["lead_id"] == "lead-0")
        assert (moved["previous_segment"], moved["segment"]) == (of["lead-0"], of["lead-1"])
        evaluating = {body["lead_id"] for body in changes(told, "rule")}
        assert {lead for lead, kind in LEADS.items() if kind == "buyer"} == evaluating - {"lead-0"}
        explained = orjson.loads(leadstream(settings, "explain", "lead-0", "--json"))
        assert explained["segment"]["id"] == of["lead-1"]
        assert explained["segment"]["name"]
        assert explained["rule_segments"] == ["evaluating"]
        report = orjson.loads(leadstream(settings, "report", "segments", "--json"))
        assert {one["segment"] for one in report["segments"]} == set(of.values())
        assert sum(one["leads"] for one in report["segments"]) == len(LEADS)
    finally:
        await asyncio.to_thread(worker.stop)
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []
