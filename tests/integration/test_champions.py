"""Champion and challengers on Kafka: a command changes who serves, within two seconds."""

import asyncio
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_process import feed, leadstream, own_settings, workers

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.lead.versions import kind_of
from stream.models import P_CONVERT
from stream.settings import Settings
from stream.simulator import Simulation

DEADLINE_S = 60.0


async def _taken_up(settings: Settings, role: str) -> tuple[float, list[str]]:
    """Return how long partitions took to follow a decision, and to what versions."""
    snapshots = await read_all(settings, settings.topic(topics.MODEL_SNAPSHOTS.name), 0)
    key = f"{P_CONVERT}/{role}".encode()
    decided_ms = max(r.timestamp for r in snapshots if r.key == key)
    found: list[Any] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < settings.partitions:
        assert time.monotonic() < deadline, f"{role}: {len(found)} partitions followed"
        found = []
        for number in range(settings.partitions):
            log = await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number)
            found += [
                (record.timestamp - decided_ms, body["version"])
                for record in log
                if record.timestamp >= decided_ms
                and (body := orjson.loads(record.value))["type"] == "use_model"
                and body["model"] == P_CONVERT
            ][:1]
    return max(ms for ms, _ in found) / 1000.0, [version for _, version in found]


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
def test_promotion_rollback_and_release_reach_all_scorers_within_two_seconds(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(
        kafka,
        late_grace_s=3e6,
        partitions=2,
        checkpoint_interval_s=0.5,
        promotion="never",
    )
    asyncio.run(ensure_topics(settings))
    simulated = Simulation(events=6_000, seed=7, start=SIMULATION_START)
    with workers(settings, tmp_path, 2):
        asyncio.run(feed(settings, islice(simulated, 3_000)))
        rows = orjson.loads(leadstream(settings, "models", "--json"))
        listed = [row["version"] for row in rows if row["model"] == P_CONVERT]
        assert set(map(kind_of, listed)) == {"bayesian_logistic", "logistic"}
        first = next(version for version in listed if kind_of(version) == "bayesian_logistic")

        said = leadstream(settings, "models", "promote", P_CONVERT, "logistic")
        assert "comes from logistic now" in said
        promoted_s, versions = asyncio.run(_taken_up(settings, "champion"))
        assert {kind_of(version) for version in versions} == {"logistic"}

        leadstream(settings, "models", "rollback", P_CONVERT, first)
        pinned_s, versions = asyncio.run(_taken_up(settings, "pin"))
        assert set(versions) == {first}

        leadstream(settings, "models", "release", P_CONVERT)
        released_s, versions = asyncio.run(_taken_up(settings, "pin"))
        assert {kind_of(version) for version in versions} == {"logistic"}
    print(f"followed: {promoted_s:.2f}, {pinned_s:.2f}, {released_s:.2f} s")
    assert max(promoted_s, pinned_s, released_s) < 2.0
