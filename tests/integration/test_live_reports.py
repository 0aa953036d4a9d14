"""Reports on a running Kafka: through a kill, what they say is what the events say."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import check
from worker_process import WorkerHandle, leadstream, own_settings

from schemas import topics
from schemas.milestones import Milestone
from schemas.topics import DAY_S
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.kafka.feeder import Feeder
from stream.lead.learner import decoded
from stream.report_sources import spend_from_kafka
from stream.reports.catalogue import REPORTS
from stream.reports.learner import ReportLearner
from stream.reports.spend import TakesSpend
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS, KILLED_AFTER = 4_000, 2_500
DEADLINE_S = 120.0


async def kept(settings: Settings) -> None:
    """Wait until the learner has left checkpoints of its reports."""
    deadline = time.monotonic() + DEADLINE_S
    topic = settings.topic(topics.MODEL_CHECKPOINTS.name)
    while not any(r.key.startswith(b"report/") for r in await read_all(settings, topic, 0)):
        assert time.monotonic() < deadline, "no report was ever checkpointed"
        await asyncio.sleep(0.2)


async def told(settings: Settings, name: str) -> dict[str, Any]:
    """Return what all milestones say, each learned once, by nobody who was ever killed."""
    learner = ReportLearner(name, settings.report_terms())
    for record in await read_all(settings, settings.topic(topics.TRAINING_EXAMPLES.name), 0):
        milestone = decoded(record.value)
        if isinstance(milestone, Milestone):
            learner.learn(milestone, record.offset)
    if isinstance(learner.report, TakesSpend):
        learner.report.take_spend(await spend_from_kafka(settings))
    figures: dict[str, Any] = learner.report.figures(int(time.time() // DAY_S))
    return figures


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_a_report_is_exact_through_a_kill_and_a_restart(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(
        kafka, late_grace_s=3e6, partitions=1, session_timeout_s=6.0, checkpoint_interval_s=0.5
    )
    await ensure_topics(settings)
    feeder = Feeder(settings, max_lag=600)
    await feeder.start()
    worker = WorkerHandle(settings, tmp_path / "worker-0.log")
    try:
        await asyncio.to_thread(worker.wait_until_up)
        for number, event in enumerate(Simulation(events=EVENTS, seed=21, start=SIMULATION_START)):
            await feeder.send(event.topic, event.key, event.value, event.arrives_at)
            if number == KILLED_AFTER:
                worker.process.kill()
                worker.process.wait()
                worker = WorkerHandle(settings, tmp_path / "worker-1.log")
        await feeder.drain(DEADLINE_S)
        before = {
            name: orjson.loads(leadstream(settings, "report", name, "--json")) for name in REPORTS
        }
        await asyncio.to_thread(worker.stop)  # which leaves checkpoints
        await kept(settings)
    finally:
        await asyncio.to_thread(worker.stop)
        await feeder.stop()
    assert before["attribution"]["conversions"] > 10
    for name in REPORTS:
        after = orjson.loads(leadstream(settings, "report", name, "--json"))
        assert after == before[name]
        assert after == await told(settings, name), name
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []
