"""How much more two workers do than one, and four: on this machine, and by their CPU time."""

import asyncio
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas import topics
from stream.bench.harness import (
    WORKER,
    BenchError,
    Program,
    machine,
    prepared,
    running,
    send,
    spread,
    wait_for_scores,
)
from stream.bench.mix import MixedEvent, mixed_events
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.choose import open_broker
from stream.kafka.clients import new_reader
from stream.settings import Settings

PARTITIONS = 8
LEADS = 1_000
WORKERS = (1, 2, 4)
ASSIGNED_DEADLINE_S = 120.0


async def bench_scale(events: int, rounds: int, kafka: str) -> dict[str, Any]:
    """Give one, two and four workers the same events, by turns, and compare round by round.

    The clock runs from when all workers own partitions and are warm until the last score change
    can be read. Sender, reader and broker run on the same machine.

    Parameters
    ----------
    events
        How many events a run.
    rounds
        How many runs of each number of workers.
    kafka
        ``jvm``, ``docker`` or ``HOST:PORT``.

    Returns
    -------
    dict
        ``ratio_two_workers``, ``ratio_four_workers``: their events per second over one worker's,
        the median of the rounds; ``cpu_ratio_…`` the same per CPU-second of the workers, and
        ``ratio_…_own_cores`` what that comes to where each worker has a core of its own. By number
        of workers, with their spread: ``events_per_s``, ``events_per_cpu_s``, and CPU-seconds per
        second: ``cpu_share`` of all workers, ``broker_cpu_share`` and ``broker_cpu_us_an_event``
        where the broker is a process of ours, ``bench_cpu_share`` of sender and reader.

    Raises
    ------
    BenchError
        If workers end early, own no partition in time or do not do all of the work.
    """
    warm = max(1_000, events // 4)
    load = list(mixed_events(warm, LEADS)), list(mixed_events(events, LEADS, first=warm))
    rows: dict[int, list[dict[str, float]]] = {count: [] for count in WORKERS}
    with open_broker(kafka) as broker:
        for _ in range(rounds):
            for count, found in rows.items():
                found.append(await _run(broker, count, *load))
        kind = f"{broker.kind} {broker.version}"
    cpu_ratio_two = _ratio(rows, 2, "events_per_cpu_s")
    cpu_ratio_four = _ratio(rows, 4, "events_per_cpu_s")
    return {
        "events": events,
        "rounds": rounds,
        "leads": LEADS,
        "partitions": PARTITIONS,
        "ratio_two_workers": round(_ratio(rows, 2, "events_per_s"), 2),
        "ratio_four_workers": round(_ratio(rows, 4, "events_per_s"), 2),
        "cpu_ratio_two_workers": round(cpu_ratio_two, 3),
        "cpu_ratio_four_workers": round(cpu_ratio_four, 3),
        "ratio_two_workers_own_cores": round(2 * cpu_ratio_two, 2),
        "ratio_four_workers_own_cores": round(4 * cpu_ratio_four, 2),
        "workers": {
            str(count): {figure: spread([row[figure] for row in found], 2) for figure in found[0]}
            for count, found in rows.items()
        },
        "broker": kind,
        **machine(),
    }


async def _run(
    broker: Broker, count: int, warm: Sequence[MixedEvent], events: Sequence[MixedEvent]
) -> dict[str, float]:
    settings = await prepared(broker, partitions=PARTITIONS)
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    try:
        async with AsyncExitStack() as stack:
            starting = [running(WORKER, settings.environment()) for _ in range(count)]
            workers = [await stack.enter_async_context(one) for one in starting]
            await _wait_until_assigned(settings, workers)
            await send(settings, warm)
            await wait_for_scores(reader, len(warm), *workers)
            return await _timed(settings, reader, workers, events)
    finally:
        await reader.stop()


async def _timed(
    settings: Settings,
    reader: AIOKafkaConsumer,
    workers: Sequence[Program],
    events: Sequence[MixedEvent],
) -> dict[str, float]:
    cpu_s, broker_s = sum(worker.cpu_s() for worker in workers), _broker_cpu_s()
    own_s, started_s = time.process_time(), time.monotonic()
    await send(settings, events)
    await wait_for_scores(reader, len(events), *workers)
    elapsed_s, own_s = time.monotonic() - started_s, time.process_time() - own_s
    cpu_s = sum(worker.cpu_s() for worker in workers) - cpu_s
    found = {
        "events_per_s": len(events) / elapsed_s,
        "events_per_cpu_s": len(events) / cpu_s,
        "cpu_share": cpu_s / elapsed_s,
        "bench_cpu_share": own_s / elapsed_s,
    }
    if broker_s:
        broker_s = _broker_cpu_s() - broker_s
        found["broker_cpu_share"] = broker_s / elapsed_s
        found["broker_cpu_us_an_event"] = broker_s / len(events) * 1e6
    return found


async def _wait_until_assigned(settings: Settings, workers: Sequence[Program]) -> None:
    """Wait until every worker has partitions of the log; Kafka shares them out more than once."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    started_s = time.monotonic()
    while await asyncio.to_thread(_owners, admin, settings) < len(workers):
        for worker in workers:
            worker.check()
        if time.monotonic() - started_s > ASSIGNED_DEADLINE_S:
            raise BenchError(f"not all workers own partitions after {ASSIGNED_DEADLINE_S:g} s")
        await asyncio.sleep(0.5)


def _owners(admin: AdminClient, settings: Settings) -> int:
    """Return how many members of the group hold partitions of the log."""
    log = settings.topic(topics.LEAD_EVENTS.name)
    try:
        group = admin.describe_consumer_groups([settings.app_id])[settings.app_id].result()
    except KafkaException:  # no group yet, or a coordinator that is not up
        return 0
    return sum(any(tp.topic == log for tp in m.assignment.topic_partitions) for m in group.members)


def _broker_cpu_s() -> float:
    """Return the CPU-seconds of the Kafka that this process has started; 0 if it did not."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        fields = rest.split()
        if head.endswith("(java") and int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _ratio(rows: Mapping[int, list[dict[str, float]]], count: int, figure: str) -> float:
    pairs = zip(rows[count], rows[1], strict=True)
    return statistics.median(many[figure] / one[figure] for many, one in pairs)
