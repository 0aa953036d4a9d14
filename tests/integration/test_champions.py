"""Champion and challengers on Kafka: a command changes who serves, within two seconds."""

import asyncio
import time
from collections.abc import Callable
from itertools import dropwhile, islice
from pathlib import Path

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


def is_logistic(version: str) -> bool:
    """Return whether the promoted kind of model made a version."""
    return kind_of(version) == "logistic"


async def _followed_s(settings: Settings, role: str, is_meant: Callable[[str], bool]) -> float:
    """Return how long partitions took to follow a decision, and check that they kept to it."""
    snapshots = await read_all(settings, settings.topic(topics.MODEL_SNAPSHOTS.name), 0)
    key = f"{P_CONVERT}/{role}".encode()
    decided_ms = max(r.timestamp for r in snapshots if r.key == key)
    followed_s: list[float] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(followed_s) < settings.partitions:
        assert time.monotonic() < deadline, f"{role}: {len(followed_s)} partitions followed"
        followed_s = []
        for number in range(settings.partitions):
            log = await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number)
            used = [
                ((record.timestamp - decided_ms) / 1000.0, body["version"])
                for record in log
                if record.timestamp >= decided_ms
                and (body := orjson.loads(record.value))["type"] == "use_model"
                and body["model"] == P_CONVERT
            ]
            # What was published just before the decision may still be taken up after it.
            kept = list(dropwhile(lambda use: not is_meant(use[1]), used))
            assert all(is_meant(version) for _, version in kept), kept
            followed_s += [after_s for after_s, _ in kept[:1]]
    return max(followed_s)


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
        promoted_s = asyncio.run(_followed_s(settings, "champion", is_logistic))

        leadstream(settings, "models", "rollback", P_CONVERT, first)
        pinned_s = asyncio.run(_followed_s(settings, "pin", first.__eq__))

        leadstream(settings, "models", "release", P_CONVERT)
        released_s = asyncio.run(_followed_s(settings, "pin", is_logistic))
    print(f"followed: {promoted_s:.2f}, {pinned_s:.2f}, {released_s:.2f} s")
    assert max(promoted_s, pinned_s, released_s) < 2.0
