"""A partition's states are a pure fold of its log: without Kafka, everything comes out again."""

import asyncio
import statistics
from itertools import islice
from pathlib import Path

import orjson
import pytest
from worker_process import feed, leadstream, own_settings, workers

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.kafka.snapshots import read_snapshots
from stream.lead.outputs import Output
from stream.lead.progress import META_KEY
from stream.lead.stored_form import offset_of
from stream.models import P_CONVERT, SnapshotStore
from stream.settings import Settings
from stream.simulator import Simulation
from stream.state_repair import fold_log
from stream.stored_states import latest_states

EVENTS = 4_000
OUTPUTS = (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, topics.TRAINING_EXAMPLES)

Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


def _simulated() -> Simulation:
    return Simulation(events=EVENTS, seed=7, start=SIMULATION_START)


async def _median_delay_s(settings: Settings) -> float:
    """Return the time from a version's publication to its use by a partition, in seconds."""
    snapshots = await read_all(settings, settings.topic(topics.MODEL_SNAPSHOTS.name), 0)
    published_ms = {r.key.decode(): r.timestamp for r in snapshots}
    delays_ms = []
    for number in range(settings.partitions):
        for record in await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number):
            body = orjson.loads(record.value)
            if body["type"] == "use_model":
                key = f"{body['model']}/{body['version']}"
                delays_ms.append(record.timestamp - published_ms[key])
    print(
        f"{len(delays_ms)} versions taken up, {statistics.median(delays_ms):.0f} ms median, "
        f"{max(delays_ms)} ms at most"
    )
    return statistics.median(delays_ms) / 1000.0


async def _recorded(settings: Settings, topic: topics.Topic) -> list[Sent]:
    found: list[Sent] = []
    for number in range(topic.partitions or settings.partitions):
        records = await read_all(settings, settings.topic(topic.name), number)
        found += [(r.key, r.value, tuple(r.headers)) for r in records]
    return sorted(found, key=repr)


def _folded(outputs: list[Output], topic: topics.Topic) -> list[Sent]:
    found = [(o.key, o.value, tuple(o.headers)) for o in outputs if o.topic == topic.name]
    return sorted(found, key=repr)


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
def test_folding_the_log_of_two_workers_reproduces_every_output_and_state_to_the_bit(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6)
    asyncio.run(ensure_topics(settings))
    with workers(settings, tmp_path, count=2) as running:
        asyncio.run(feed(settings, _simulated()))
        assert all(worker.process.poll() is None for worker in running)

    async def compare() -> None:
        store = SnapshotStore()
        await read_snapshots(settings, store)
        assert len(store.versions(P_CONVERT)) > 5, "the learner was to publish while they scored"
        outputs: list[Output] = []
        for number in range(settings.partitions):
            states = await latest_states(settings, number)
            # Time marks may follow that no worker was left to fold.
            until = offset_of(states[META_KEY])
            partition, sent = await fold_log(settings, number, settings.house(), store, until)
            outputs += sent
            assert states == dict(partition.states.stored())
        assert await _median_delay_s(settings) < 2.0, "scorers were to follow within 2 s"
        for topic in OUTPUTS:
            recorded = await _recorded(settings, topic)
            assert recorded, topic.name
            assert recorded == _folded(outputs, topic), topic.name

    asyncio.run(compare())
    for log in tmp_path.glob("worker-*.log"):
        assert "states restored" in log.read_text(), "both workers were to own partitions"


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
def test_a_lead_can_be_explained_and_a_model_rolled_back_while_workers_run(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6)
    asyncio.run(ensure_topics(settings))
    with workers(settings, tmp_path):
        asyncio.run(feed(settings, islice(_simulated(), 1_500)))
        scores = asyncio.run(_recorded(settings, topics.LEAD_SCORES))
        lead_id = next(k for k, _, _ in scores if k and k.startswith(b"lead-")).decode()
        shown = leadstream(settings, "explain", lead_id)
        assert lead_id in shown
        assert "Reasons" in shown
        listed = leadstream(settings, "models")
        assert "serving" in listed
        assert "pinned to version" in leadstream(settings, "models", "rollback", P_CONVERT)
        assert "pinned" in leadstream(settings, "models")
        assert "newest" in leadstream(settings, "models", "release", P_CONVERT)
        assert "0 cannot" in leadstream(settings, "state", "check")
