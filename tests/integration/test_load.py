"""More input than a worker can take: it builds lag, not memory, and starves nobody."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_process import WorkerHandle, own_settings

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer, new_reader, partition_of
from stream.kafka.transactions import ToSend, append
from stream.lead.outputs import rfc3339
from stream.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(300)]

DEADLINE_S = 150.0
MIB = 1 << 20
HOT_EVENTS = 20_000
LARGE_EVENTS, LARGE_BYTES = 2_500, 200_000
MEMORY_MIB = 300
"""What a worker with few leads may take at most, however much waits (README, Guarantees)."""


def _page_view(settings: Settings, lead_id: str, event_id: str, padding: int = 0) -> ToSend:
    event: dict[str, Any] = {
        "type": "page_view",
        "event_id": event_id,
        "occurred_at": rfc3339(time.time()),
        "lead_id": lead_id,
        "url": "https://example.com/pricing",
        "context": {"padding": "x" * padding},
    }
    key = lead_id.encode()
    number = partition_of(key, settings.partitions)
    return settings.topic(topics.PAGE_VIEWS.name), number, key, orjson.dumps(event), []


async def _send(settings: Settings, records: list[ToSend]) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        for first in range(0, len(records), 200):
            await append(producer, records[first : first + 200])
    finally:
        await producer.stop()


def _lead_of(settings: Settings, number: int) -> str:
    """Return a lead of a partition."""
    return next(
        name
        for n in range(10_000)
        if partition_of((name := f"lead-{n}").encode(), settings.partitions) == number
    )


def _memory_bytes(worker: WorkerHandle, what: str) -> int:
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024


async def test_a_hot_lead_and_its_partition_starve_no_other(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka, clock="wall", score_step=0.0)
    await ensure_topics(settings)
    hot = _lead_of(settings, 0)
    await _send(settings, [_page_view(settings, hot, f"h{n}") for n in range(HOT_EVENTS)])
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    # Ready beforehand: while it connects, a busy machine would work off the backlog.
    sender = new_producer(settings)
    await sender.start()
    await sender.partitions_for(settings.topic(topics.PAGE_VIEWS.name))
    worker = WorkerHandle(settings, tmp_path / "worker.log")
    try:
        others = {_lead_of(settings, n) for n in range(1, settings.partitions)}
        hot_scores, scored_at, asked = 0, dict[str, int](), False
        async with asyncio.timeout(DEADLINE_S):
            while hot_scores < HOT_EVENTS:
                for batch in (await reader.getmany(timeout_ms=100)).values():
                    for record in batch:
                        if record.key.decode() == hot:
                            hot_scores += 1
                        else:
                            scored_at[record.key.decode()] = hot_scores
                if hot_scores > HOT_EVENTS / 10 and not asked:
                    asked = True
                    await append(sender, [_page_view(settings, o, f"o-{o}") for o in others])
        assert set(scored_at) == others
        # They came when nine tenths of the hot lead's events were still to be worked off.
        assert max(scored_at.values()) < HOT_EVENTS / 2, scored_at
    finally:
        worker.stop()
        await sender.stop()
        await reader.stop()


async def test_what_waits_is_lag_and_not_memory(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka, clock="wall", score_step=0.0)
    await ensure_topics(settings)
    leads = [f"lead-{n}" for n in range(50)]
    for part in range(5):
        await _send(
            settings,
            [
                _page_view(settings, leads[n % 50], f"e{part}-{n}", LARGE_BYTES)
                for n in range(LARGE_EVENTS // 5)
            ],
        )
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    worker = WorkerHandle(settings, tmp_path / "worker.log")
    try:
        scored = 0
        async with asyncio.timeout(DEADLINE_S):
            while scored < LARGE_EVENTS:
                for batch in (await reader.getmany(timeout_ms=200)).values():
                    scored += len(batch)
        peak = _memory_bytes(worker, "VmHWM")
        waiting = LARGE_EVENTS * LARGE_BYTES
        print(f"{waiting / MIB:.0f} MiB waited, at most {peak / MIB:.0f} MiB were taken")
        assert waiting > MEMORY_MIB * MIB
        assert peak < MEMORY_MIB * MIB
    finally:
        worker.stop()
        await reader.stop()


async def test_a_worker_ends_within_ten_seconds_and_nothing_is_done_again(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, clock="wall", score_step=0.0)
    await ensure_topics(settings)
    records = [_page_view(settings, f"lead-{n % 97}", f"e{n}") for n in range(6_000)]
    await _send(settings, records)
    reader = new_reader(settings, settings.topic(topics.LEAD_EVENTS.name))
    await reader.start()
    worker = WorkerHandle(settings, tmp_path / "worker.log")
    seen: list[str] = []

    async def read_until(count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(seen) < count:
                for batch in (await reader.getmany(timeout_ms=100)).values():
                    seen.extend(orjson.loads(r.value).get("event_id", "") for r in batch)
                seen[:] = [event_id for event_id in seen if event_id]

    try:
        await read_until(600)
        started_s = time.monotonic()
        await asyncio.to_thread(worker.stop)
        elapsed_s = time.monotonic() - started_s
        assert worker.process.returncode == 0, worker.log.read_text()
        assert elapsed_s < 10.0
        worker = WorkerHandle(settings, tmp_path / "again.log")
        await read_until(len(records))
        assert sorted(seen) == sorted(f"e{n}" for n in range(len(records)))
    finally:
        worker.stop()
        await reader.stop()
