"""A worker is killed while events flow: nothing is lost, and nothing goes out twice."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_process import WorkerHandle, own_settings

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.kafka.feeder import Feeder
from stream.kafka.snapshots import read_snapshots
from stream.lead.outputs import Output
from stream.lead.partition import META_KEY
from stream.lead.routing import SOURCE_HEADER
from stream.lead.stored_form import offset_of
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.simulator import Simulation
from stream.state_repair import fold_log
from stream.stored_states import latest_states

EVENTS = 3_000
KILLED_AFTER = (900, 1_900)
DRAIN_S = 120.0
OUTPUTS = (
    topics.LEAD_SCORES,
    topics.NURTURE_TRIGGERS,
    topics.TRAINING_EXAMPLES,
    topics.LEAD_FORWARDS,
)


async def _feed(feeder: Feeder) -> None:
    for event in Simulation(events=EVENTS, seed=11, start=SIMULATION_START):
        await feeder.send(event.topic, event.key, event.value, event.arrives_at)
    await feeder.drain(DRAIN_S)


async def _feed_and_kill(settings: Settings, folder: Path) -> None:
    """Feed all events; kill the worker twice in the middle, and start it anew."""
    feeder = Feeder(settings, max_lag=600)
    await feeder.start()
    worker = WorkerHandle(settings, folder / "worker-0.log")
    feeding: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(worker.wait_until_up)
        feeding = asyncio.create_task(_feed(feeder))
        for number, after in enumerate(KILLED_AFTER, start=1):
            while feeder.sent < after:
                assert not feeding.done(), await feeding
                assert worker.process.poll() is None, worker.log.read_text()
                await asyncio.sleep(0.002)
            assert "states restored" in worker.log.read_text(), "it was to be killed at work"
            worker.process.kill()
            worker.process.wait()
            worker = WorkerHandle(settings, folder / f"worker-{number}.log")
        await feeding
        assert worker.process.poll() is None, worker.log.read_text()
    finally:
        if feeding is not None:
            feeding.cancel()
        await asyncio.to_thread(worker.stop)
        await feeder.stop()


async def _records(settings: Settings, topic: topics.Topic) -> list[Any]:
    found: list[Any] = []
    for number in range(topic.partitions or settings.partitions):
        found += await read_all(settings, settings.topic(topic.name), number)
    return found


def _comparable(key: bytes | None, value: bytes | None, headers: Any) -> str:
    return repr((key, value, tuple(headers)))


async def _assert_nothing_twice(settings: Settings) -> None:
    for topic in (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS):
        ids = Counter(dict(r.headers)["ce_id"] for r in await _records(settings, topic))
        assert ids, topic.name
        assert {i: n for i, n in ids.items() if n > 1} == {}, topic.name


async def _assert_all_accounted_for(settings: Settings) -> None:
    sent = set()
    for topic in topics.INPUTS:
        for r in await _records(settings, topic):
            if topic is not topics.COSTS:  # valid, and of no lead
                sent.add(f"{topic.name}/{r.partition}/{r.offset}")
    logged = {
        dict(r.headers)[SOURCE_HEADER].decode()
        for r in await _records(settings, topics.LEAD_EVENTS)
        if SOURCE_HEADER in dict(r.headers)
    }
    refused = set()
    for r in await _records(settings, topics.DEAD_LETTERS):
        letter = orjson.loads(r.value)
        refused.add(f"{letter['topic']}/{letter['partition']}/{letter['offset']}")
    assert sent - logged - refused == set()
    costs = {s for s in refused if s.startswith(topics.COSTS.name)}
    assert {s for s in logged if not s.startswith(topics.LEAD_FORWARDS.name)} <= sent
    assert refused - costs <= sent


async def _assert_folds(settings: Settings) -> None:
    store = SnapshotStore()
    await read_snapshots(settings, store)
    outputs: list[Output] = []
    for number in range(settings.partitions):
        states = await latest_states(settings, number)
        until = offset_of(states[META_KEY])
        log = await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number, until)
        assert [r for r in log if SOURCE_HEADER in dict(r.headers)] == [], "events not folded"
        partition, sent = await fold_log(settings, number, settings.house(), store, until)
        outputs += sent
        assert states == dict(partition.stored())
    for topic in OUTPUTS:
        recorded = [_comparable(r.key, r.value, r.headers) for r in await _records(settings, topic)]
        expected = [
            _comparable(o.key, o.value, o.headers) for o in outputs if o.topic == topic.name
        ]
        assert recorded, topic.name
        assert Counter(recorded) == Counter(expected), topic.name


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_a_worker_killed_twice_loses_nothing_and_sends_nothing_twice(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6, session_timeout_s=6.0)
    await ensure_topics(settings)
    await _feed_and_kill(settings, tmp_path)
    await _assert_nothing_twice(settings)
    await _assert_all_accounted_for(settings)
    await _assert_folds(settings)
