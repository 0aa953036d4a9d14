"""The checks have teeth: what is tampered with after a clean run is found, each by its name."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import check, records_of
from worker_process import feed, own_settings, workers

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS = 400


def _simulated() -> Simulation:
    return Simulation(events=EVENTS, seed=5, start=SIMULATION_START)


async def _append(
    settings: Settings, topic: topics.Topic, record: Any, value: bytes | None
) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(
            settings.topic(topic.name),
            key=record.key,
            value=value,
            partition=record.partition,
            headers=list(record.headers),
        )
    finally:
        await producer.stop()


@pytest.mark.kafka
@pytest.mark.transactions
async def test_what_is_lost_doubled_or_changed_is_found(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka, late_grace_s=3e6, partitions=2)
    await ensure_topics(settings)

    def work() -> None:
        with workers(settings, tmp_path):
            asyncio.run(feed(settings, _simulated(), max_lag=1_000))

    await asyncio.to_thread(work)
    clean = await check(settings)
    assert clean.faults("exactly_once") == []
    assert clean.events_in == EVENTS

    score = (await records_of(settings, topics.LEAD_SCORES))[0]
    await _append(settings, topics.LEAD_SCORES, score, score.value)
    twice = await check(settings)
    assert len(twice.duplicate_outputs) == 1
    assert twice.conflicting_outputs == twice.state_mismatches == twice.lost == []

    changed = orjson.dumps({**orjson.loads(score.value), "score": -1})
    await _append(settings, topics.LEAD_SCORES, score, changed)
    assert len((await check(settings)).conflicting_outputs) == 1

    states = [r for r in await records_of(settings, topics.LEAD_STATES) if len(r.key) > 12]
    await _append(settings, topics.LEAD_STATES, states[0], None)
    found = (await check(settings)).state_mismatches
    assert any("folded" in fault and repr(states[0].key) in fault for fault in found)

    view = (await records_of(settings, topics.PAGE_VIEWS))[0]
    await _append(settings, topics.PAGE_VIEWS, view, view.value)
    assert len((await check(settings)).lost) == 1
