"""Exports of a running Kafka: through runs that die in the middle, each record lies there once."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset as ds
import pytest
from worker_process import environment, feed, leadstream, own_settings, ran, workers

from schemas import topics
from stream import warehouse
from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer, partitions_of, read_all
from stream.reports.catalogue import REPORTS
from stream.settings import Settings
from stream.simulator import Simulation
from stream.warehouse import TABLES, export
from stream.warehouse_folder import WarehouseFolder

BEFORE, AFTER = 1_500, 1_500
FED = ("lead_scores", "nurture_triggers", "dead_letters", "costs", "lead_entered", "stage_left")
"""Tables that must not be empty for the test to say anything."""


class DiedError(BaseException):
    """A process that is killed."""


async def spend(settings: Settings, count: int) -> None:
    """Say what marketing cost, and once what nobody can read."""
    producer = new_producer(settings)
    await producer.start()
    topic = settings.topic(topics.COSTS.name)
    try:
        for number in range(count):
            cost = {
                **{"type": "cost", "event_id": f"c-{number}", "amount_minor": number},
                **{"occurred_at": "2026-01-01T23:30:00-01:00", "currency": "EUR"},
                "period": "2026-01",
            }
            await producer.send_and_wait(topic, orjson.dumps(cost), partition=number % 2)
        await producer.send_and_wait(topic, b"{", partition=0)
    finally:
        await producer.stop()


async def in_kafka(settings: Settings) -> dict[str, Counter[tuple[int, int]]]:
    """Return by table where in Kafka its messages stand."""
    found: dict[str, Counter[tuple[int, int]]] = {table.name: Counter() for table in TABLES}
    names = {(table.topic.name, table.kind): table.name for table in TABLES}
    for topic in warehouse.TOPICS:
        for partition in range(await partitions_of(settings, topic)):
            for record in await read_all(settings, settings.topic(topic.name), partition):
                if record.value != b"{":
                    kind = orjson.loads(record.value)["type"]
                    if name := names.get((topic.name, kind)):
                        found[name][partition, record.offset] += 1
    return found


def in_folder(path: Path) -> dict[str, Counter[tuple[int, int]]]:
    """Return by table where in Kafka its rows stood."""
    return {table.name: Counter(places(path / table.name)) for table in TABLES}


def places(path: Path) -> list[tuple[int, int]]:
    if not path.exists():
        return []
    rows = ds.dataset(path, partitioning="hive").to_table(["kafka_partition", "kafka_offset"])
    return [(row["kafka_partition"], row["kafka_offset"]) for row in rows.to_pylist()]


def files(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*.parquet")}


def dies(monkeypatch: pytest.MonkeyPatch, method: str, calls: int) -> None:
    """Let a run die at so many calls of a method of its folder."""
    former: Any = getattr(WarehouseFolder, method)
    left = calls

    def call(self: WarehouseFolder, *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise DiedError
        return former(self, *arguments)

    monkeypatch.setattr(WarehouseFolder, method, call)


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_each_record_is_exported_once_through_runs_that_die(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own_settings(kafka, partitions=2, late_grace_s=3e6)
    await ensure_topics(settings)
    events = iter(Simulation(events=BEFORE + AFTER, seed=21, start=SIMULATION_START))
    path = tmp_path / "warehouse"
    with workers(settings, tmp_path):
        await feed(settings, islice(events, BEFORE))
        await spend(settings, 3)
        for method, calls in (("_replace", 3), ("_move", 4)):  # before its progress, and after
            with monkeypatch.context() as patched:
                patched.setattr(warehouse, "MAX_ROWS", 100)
                dies(patched, method, calls)
                with pytest.raises(DiedError):
                    await export(settings, path)
        await feed(settings, events)
    there = await in_kafka(settings)
    told = orjson.loads(leadstream(settings, "export", str(path), "--reports", "--json"))
    assert in_folder(path) == there
    assert all(there[name] for name in FED)
    assert told["unreadable"] == {topics.COSTS.name: 1}
    assert told["missed_offsets"] == {}
    assert 0 < told["rows"]["lead_scores"] < len(there["lead_scores"])
    assert sorted(Path(file).parent.name for file in told["reports"]) == sorted(REPORTS)
    for file in told["reports"]:
        assert orjson.loads((path / file).read_bytes())

    written = files(path)
    again = orjson.loads(leadstream(settings, "export", str(path), "--json"))
    assert not any(again["rows"].values())
    assert files(path) == written

    other = [tmp_path / "one", tmp_path / "two"]
    for folder in other:
        leadstream(settings, "export", str(folder))
    assert in_folder(other[0]) == there
    assert files(other[0]) == files(other[1])


@pytest.mark.kafka
async def test_a_topic_that_is_missing_or_new_is_told_in_one_line(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, partitions=2)
    done = ran(environment(settings), "export", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"leadstream: topic {settings.topic('lead-scores')} is missing; run `leadstream topics`\n"
    )
    await ensure_topics(settings)
    name = settings.topic("lead-scores")
    (tmp_path / "_progress" / "lead-scores.json").write_bytes(
        orjson.dumps({"topic": name, "next_offsets": {"1": 9}})
    )
    done = ran(environment(settings), "export", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"leadstream: {name}/1 ends at 0, and ")
    assert len(done.stderr.splitlines()) == 1
