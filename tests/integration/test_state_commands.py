"""Stored states: broken records are refused and rebuilt, old ones carried over, leads spread."""

import asyncio
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import orjson
import pytest
from worker_process import (
    WorkerHandle,
    environment,
    feed,
    leadstream,
    own_settings,
    ran,
    workers,
)

from schemas import topics
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer
from stream.kafka.snapshots import read_snapshots
from stream.kafka.transactions import append
from stream.lead.outputs import encode_key
from stream.lead.progress import META_KEY
from stream.lead.state import LeadState
from stream.lead.stored_form import decode_document, decode_state, offset_of
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.simulator import Simulation
from stream.simulator.simulation import SimulatedEvent
from stream.state_repair import fold_log
from stream.stored_states import latest_states

pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(300)]

EVENTS = 1_800
# A simulated day goes by in a second of lag between partitions: lateness and repeats span it.
SPAN = {"late_grace_s": 3e6, "duplicate_window_s": 3e6}


def _simulated() -> Iterable[SimulatedEvent]:
    return Simulation(events=EVENTS, seed=3, start=SIMULATION_START)


def _work_off(settings: Settings, folder: Path, events: Iterable[SimulatedEvent]) -> None:
    folder.mkdir()
    with workers(settings, folder) as running:
        asyncio.run(feed(settings, events))
        assert running[0].process.poll() is None, running[0].log.read_text()


async def _stored(settings: Settings) -> dict[int, dict[bytes, bytes]]:
    return {n: await latest_states(settings, n) for n in range(settings.partitions)}


def _leads(stored: dict[int, dict[bytes, bytes]]) -> dict[str, LeadState]:
    return {
        state.lead_id: state
        for rows in stored.values()
        for key, row in rows.items()
        if key != META_KEY
        for state in (decode_state(row),)
    }


async def _write_rows(settings: Settings, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        topic = settings.topic(topics.LEAD_STATES.name)
        await append(producer, [(topic, number, key, row, []) for number, key, row in rows])
    finally:
        await producer.stop()


def _refused(settings: Settings, *arguments: str) -> str:
    done = ran(environment(settings), *arguments, timeout_s=60)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr + done.stdout


def test_a_broken_record_stops_the_worker_by_name_and_is_rebuilt_from_the_log(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6, partitions=2)
    asyncio.run(ensure_topics(settings))
    _work_off(settings, tmp_path / "before", islice(_simulated(), 600))
    before = asyncio.run(_stored(settings))
    (key, row), (altered_key, altered) = [
        (k, r) for k, r in before[1].items() if k != META_KEY and len(r) > 300
    ][:2]
    broken = [
        (1, key, row[: len(row) // 2]),
        (1, altered_key, altered.replace(b'"events":', b'"evemts":')),
        (0, META_KEY, before[0][META_KEY][:-9]),
    ]
    asyncio.run(_write_rows(settings, broken))

    worker = WorkerHandle(settings, tmp_path / "refusing.log")
    assert worker.process.wait(60) == 1
    log = worker.log.read_text()
    assert f"lead {key.decode()}" in log or "the partition itself" in log
    assert "leadstream state repair" in log
    assert key.decode() in _refused(settings, "state", "check")
    assert "3 records rebuilt" in leadstream(settings, "state", "repair")
    assert asyncio.run(_stored(settings)) == before
    assert "0 cannot" in leadstream(settings, "state", "check")


def test_states_of_an_earlier_schema_are_carried_over(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka, late_grace_s=3e6, partitions=2)
    asyncio.run(ensure_topics(settings))
    _work_off(settings, tmp_path / "before", islice(_simulated(), 400))
    before = asyncio.run(_stored(settings))
    asyncio.run(
        _write_rows(
            settings,
            [
                (n, key, orjson.dumps({**decode_document(row), "v": 1}))
                for n, rows in before.items()
                for key, row in rows.items()
            ],
        )
    )
    assert asyncio.run(_stored(settings)) != before
    assert f"{len(_leads(before))} states carried over" in leadstream(settings, "state", "migrate")
    assert asyncio.run(_stored(settings)) == before
    assert "0 states carried over" in leadstream(settings, "state", "migrate")


def test_leads_are_spread_over_more_partitions_and_nothing_is_lost(
    kafka: Broker, tmp_path: Path
) -> None:
    events = list(_simulated())
    settings = own_settings(kafka, **SPAN, partitions=2)
    asyncio.run(ensure_topics(settings))
    _work_off(settings, tmp_path / "two", events[:1_000])
    before = _leads(asyncio.run(_stored(settings)))

    assert "only adds partitions" in _refused(settings, "state", "repartition", "1")
    running = WorkerHandle(settings, tmp_path / "running.log")
    running.wait_until_up()
    assert "stop them" in _refused(settings, "state", "repartition", "5")
    running.stop()

    moved = leadstream(settings, "state", "repartition", "5")
    assert int(moved.split()[0]) > len(before) / 3
    assert leadstream(settings, "state", "repartition", "5").startswith("0 leads move")
    settings = settings.model_copy(update={"partitions": 5})
    _work_off(settings, tmp_path / "five", events[1_000:])
    stored = asyncio.run(_stored(settings))
    assert all(len(rows) > 1 for rows in stored.values()), "every partition was to have leads"
    after = _leads(stored)
    assert set(before) <= set(after)
    assert sum(len(rows) for rows in stored.values()) == len(after) + 5, "a lead is in one place"

    undivided = own_settings(kafka, **SPAN, partitions=2)
    asyncio.run(ensure_topics(undivided))
    _work_off(undivided, tmp_path / "never", events)
    expected = _leads(asyncio.run(_stored(undivided)))
    assert {a: (s.forward_to, s.outcome) for a, s in after.items()} == {
        a: (s.forward_to, s.outcome) for a, s in expected.items()
    }
    # What a machine did is told by the log's time as well, and each partition has its own.
    people = [a for a in after if not (after[a].discounted or expected[a].discounted)]
    assert len(people) > len(after) / 2
    assert {a: after[a].events for a in people} == {a: expected[a].events for a in people}

    async def compare() -> None:
        store = SnapshotStore()
        await read_snapshots(settings, store)
        for number, rows in stored.items():
            until = offset_of(rows[META_KEY])
            partition, _ = await fold_log(settings, number, settings.house(), store, until)
            assert dict(partition.states.stored()) == rows

    asyncio.run(compare())
    lead_id = next(a for a in after if a.startswith("lead-") and after[a].forward_to is None)
    assert encode_key(lead_id).decode() in leadstream(settings, "explain", lead_id)
