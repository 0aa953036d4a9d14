"""A worker is killed while events flow: nothing is lost, and nothing goes out twice."""

import asyncio
from pathlib import Path

import pytest
from checks import FOLDED, check
from worker_process import WorkerHandle, own_settings

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.feeder import Feeder
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS = 3_000
KILLED_AFTER = (900, 1_900)
DRAIN_S = 120.0


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


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_a_worker_killed_twice_loses_nothing_and_sends_nothing_twice(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6, session_timeout_s=6.0)
    await ensure_topics(settings)
    await _feed_and_kill(settings, tmp_path)
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []
    assert verdict.events_in == EVENTS
    # Nothing that was simulated is too late, so that score refuses nothing.
    sent = {topic.name for topic in FOLDED} - {topics.DEAD_LETTERS.name}
    assert all(verdict.outputs[name] for name in sent), verdict.outputs
