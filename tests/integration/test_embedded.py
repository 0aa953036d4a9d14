"""The whole flow at least once, on the broker that needs nothing installed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from checks import records_of
from worker_process import contents, own_settings, workers

from schemas import topics
from schemas.scores import ScoreChanged
from schemas.triggers import NurtureTriggered
from stream.cli.run import SIMULATION_START
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.feeder import Feeder
from stream.settings import Settings
from stream.simulator import SimulatedEvent, Simulation
from stream.state_repair import check_states

EVENTS = 1_500
BROKEN = {"not_json", "unknown_type", "missing_field", "bad_value", "too_large"}
VALID = {None, "late", "duplicate"}


@pytest.fixture
def broker() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as broker:
        yield broker


async def _feed(settings: Settings, events: list[SimulatedEvent]) -> None:
    feeder = Feeder(settings, max_lag=600)
    await feeder.start()
    try:
        for event in events:
            await feeder.send(event.topic, event.key, event.value, event.arrives_at)
        await feeder.drain(90)
        assert feeder.sent == EVENTS
    finally:
        await feeder.stop()


async def _values(settings: Settings, topic: topics.Topic) -> list[bytes]:
    return [record.value for record in await records_of(settings, topic)]


@pytest.mark.timeout(180)
def test_all_events_are_scored_at_least_once_on_the_embedded_broker(
    broker: EmbeddedKafka, tmp_path: Path
) -> None:
    settings = own_settings(broker, delivery="at_least_once", late_grace_s=3e6)
    for topic in topics.TOPICS:
        broker.create_topic(settings.topic(topic.name), topic.partitions or settings.partitions)
    simulation = Simulation(events=EVENTS, seed=3, start=SIMULATION_START)
    events = list(simulation)
    with workers(settings, tmp_path) as (worker,):
        asyncio.run(_feed(settings, events))
        assert worker.process.poll() is None, worker.log.read_text()

    async def check() -> None:
        scores = await _values(settings, topics.LEAD_SCORES)
        scored = {ScoreChanged.model_validate_json(value).lead_id for value in scores}
        assert set(simulation.truth.leads) <= scored
        rules = {
            NurtureTriggered.model_validate_json(value).rule
            for value in await _values(settings, topics.NURTURE_TRIGGERS)
        }
        assert {"high_intent", "absence"} <= rules
        letters = await records_of(settings, topics.DEAD_LETTERS)
        refused = {contents(settings, letter).value for letter in letters}
        assert {e.value for e in events if e.flaw in BROKEN} <= refused
        assert not {e.value for e in events if e.flaw in VALID} & refused
        readable, faults = await check_states(settings)
        assert readable >= len(simulation.truth.leads)
        assert not faults

    asyncio.run(check())
