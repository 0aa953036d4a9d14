"""How long after an event was sent its score change can be read, at several loads.

Events are sent when their time has come, whether or not earlier ones are through, and their
latency counts from when they *should* have been sent: a stall is suffered by all that come in it,
so nothing is left out (G. Tene: How NOT to Measure Latency, 2013, on coordinated omission).
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import topics
from stream.bench.harness import (
    WORKER,
    BenchError,
    Program,
    is_score,
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
from stream.kafka.clients import new_producer, new_reader, partition_of, read_all
from stream.kafka.transactions import append
from stream.lead.versions import offset_of
from stream.settings import Settings

PARTITIONS = 4
LEADS = 1_000
LOADS = (0.1, 0.5, 0.8)
HALF = 0.5
WARM_EVENTS = 5_000
CAPACITY_EVENTS = 15_000
SETTLE_S = 3.0
"""Of each load, the first seconds do not count."""
EXAMPLES = 60_000
"""Enough that the learner is never done with them."""
LEARNING = "50% learning"
LINGER_MS = 1
"""Of the sender: one request an event would load Kafka with nothing but requests."""
GRACE_S = 60.0
PERCENTILES = {"p50_ms": 0.5, "p99_ms": 0.99, "p99_9_ms": 0.999}


async def bench_latency(seconds: float, rounds: int, kafka: str) -> dict[str, Any]:
    """Send a mix of events at shares of one worker's capacity and time its score changes.

    Parameters
    ----------
    seconds
        How long each load lasts.
    rounds
        How often; by load, each figure is its least, median and most over the rounds.

    Returns
    -------
    dict
        ``p50_ms``, ``p99_ms``: exactly once and read committed, at half of the capacity;
        ``p50_ms_at_least_once`` likewise; ``exactly_once`` and ``at_least_once``: by load, the
        percentiles, events a second and the share of CPU time that the worker took;
        ``p50_ratio_learning``, ``p99_ratio_learning``: exactly once, at half of the capacity, with
        the learner fully loaded beside it against without.

    Raises
    ------
    BenchError
        If the worker ends, or score changes are missing.
    """
    runs: dict[str, list[dict[str, dict[str, float]]]] = {"exactly_once": [], "at_least_once": []}
    with open_broker(kafka) as broker:
        for _ in range(rounds):
            for delivery, found in runs.items():
                found.append(await _loads(broker, delivery, seconds))
        kind = f"{broker.kind} {broker.version}"
    report = {delivery: _merged(found) for delivery, found in runs.items()}
    half = f"{HALF:.0%}"
    return {
        "p50_ms": report["exactly_once"][half]["p50_ms"][1],
        "p99_ms": report["exactly_once"][half]["p99_ms"][1],
        "p50_ms_at_least_once": report["at_least_once"][half]["p50_ms"][1],
        "p99_ms_at_least_once": report["at_least_once"][half]["p99_ms"][1],
        "p50_ratio_learning": _ratio(runs["exactly_once"], "p50_ms"),
        "p99_ratio_learning": _ratio(runs["exactly_once"], "p99_ms"),
        **report,
        "seconds": seconds,
        "rounds": rounds,
        "leads": LEADS,
        "partitions": PARTITIONS,
        "broker": kind,
        **machine(),
    }


async def _loads(broker: Broker, delivery: str, seconds: float) -> dict[str, dict[str, float]]:
    settings = await prepared(broker, partitions=PARTITIONS, delivery=delivery)
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    try:
        async with running(WORKER, settings.environment()) as program:
            await send(settings, mixed_events(WARM_EVENTS, LEADS))
            await wait_for_scores(reader, WARM_EVENTS, program)
            crowd = list(mixed_events(CAPACITY_EVENTS, LEADS, first=WARM_EVENTS))
            started_s = time.monotonic()
            await send(settings, crowd)
            await wait_for_scores(reader, CAPACITY_EVENTS, program)
            capacity = CAPACITY_EVENTS / (time.monotonic() - started_s)
            sent = WARM_EVENTS + CAPACITY_EVENTS
            found = {}
            for load in LOADS:
                count = round(load * capacity * (SETTLE_S + seconds))
                events = list(mixed_events(count, LEADS, first=sent))
                sent += count
                found[f"{load:.0%}"] = await asyncio.to_thread(
                    _time_events, settings, events, load * capacity, program
                )
            count = round(HALF * capacity * (SETTLE_S + seconds))
            learned = await _pile_up_examples(settings)
            found[LEARNING] = await asyncio.to_thread(
                _time_events,
                settings,
                list(mixed_events(count, LEADS, first=sent)),
                HALF * capacity,
                program,
            )
            examples = await _learned(settings) - learned
            found[LEARNING]["examples_per_s"] = examples / (SETTLE_S + seconds)
    finally:
        await reader.stop()
    return found


async def _pile_up_examples(settings: Settings) -> int:
    """Give the learner more than it can learn meanwhile; return how many it has learned before."""
    topic = settings.topic(topics.TRAINING_EXAMPLES.name)
    found = [record.value for record in await read_all(settings, topic, 0)]
    producer = new_producer(settings)
    await producer.start()
    try:
        for _ in range(EXAMPLES // len(found)):
            await append(producer, [(topic, 0, b"p_convert", value, []) for value in found])
    finally:
        await producer.stop()
    return await _learned(settings)


async def _learned(settings: Settings) -> int:
    """Return how far the learner is: versions are named after the offset that comes next."""
    topic = settings.topic(topics.MODEL_SNAPSHOTS.name)
    records = await read_all(settings, topic, 0)
    bodies = [orjson.loads(record.value) for record in records if record.value]
    return max((offset_of(body["version"]) for body in bodies if "version" in body), default=0)


def _time_events(
    settings: Settings, events: Sequence[MixedEvent], rate: float, program: Program
) -> dict[str, float]:
    """Send events at a rate (1/s) and return percentiles of the time to their score changes."""
    seen: list[tuple[float, bytes]] = []
    is_over = threading.Event()
    reader = _reader_from_now(settings)
    reading = threading.Thread(target=_read, args=(reader, len(events), seen, is_over))
    reading.start()
    try:
        cpu_s, began_s = program.cpu_s(), time.perf_counter()
        late_s = _send_on_time(settings, events, rate, began_s)
        reading.join(GRACE_S)
        program.check()
        elapsed_s = time.perf_counter() - began_s
        cpu_s = program.cpu_s() - cpu_s
    finally:
        is_over.set()
        reading.join()
        reader.close()
    if len(seen) < len(events):
        raise BenchError(f"{len(events) - len(seen)} score changes are missing: {program.said()}")
    due_s = {
        orjson.loads(event.value)["event_id"]: began_s + number / rate
        for number, event in enumerate(events)
    }
    latencies_ms = sorted(
        1e3 * (at_s - due_s[cause])
        for at_s, value in seen
        if (cause := orjson.loads(value)["cause_event_id"]) in due_s
        and due_s[cause] - began_s >= SETTLE_S
    )
    return {
        **{name: latencies_ms[int(q * len(latencies_ms))] for name, q in PERCENTILES.items()},
        "max_ms": latencies_ms[-1],
        "events_per_s": rate,
        "worker_cpu_share": cpu_s / elapsed_s,
        "sent_late_p99_ms": 1e3 * sorted(late_s)[int(0.99 * len(late_s))],
    }


def _send_on_time(
    settings: Settings, events: Sequence[MixedEvent], rate: float, began_s: float
) -> list[float]:
    """Send each event when its time has come; return how late each was, in seconds."""
    producer = Producer(
        {"bootstrap.servers": settings.kafka_bootstrap, "linger.ms": LINGER_MS, "acks": "all"}
    )
    late_s = []
    for number, event in enumerate(events):
        due_s = began_s + number / rate
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        late_s.append(max(0.0, time.perf_counter() - due_s))
        key = event.lead_id.encode()
        producer.produce(
            settings.topic(event.topic),
            event.value,
            key,
            partition=partition_of(key, settings.partitions),
        )
        producer.poll(0)
    producer.flush(GRACE_S)
    return late_s


def _reader_from_now(settings: Settings) -> Consumer:
    """Return a reader of the score changes that come from now on."""
    reader = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": f"{settings.app_id}-latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    topic = settings.topic(topics.LEAD_SCORES.name)
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    for partition in partitions:
        partition.offset = reader.get_watermark_offsets(partition, GRACE_S)[1]
    reader.assign(partitions)
    return reader


def _read(
    reader: Consumer, count: int, seen: list[tuple[float, bytes]], is_over: threading.Event
) -> None:
    """Note when each score change could be read, until so many have come."""
    while len(seen) < count and not is_over.is_set():
        record = reader.poll(0.1)  # one by one: `consume` waits until many have come
        if record is not None and record.error() is None and is_score(record.value()):
            seen.append((time.perf_counter(), record.value()))


def _ratio(runs: Sequence[dict[str, dict[str, float]]], name: str) -> float:
    """Return a percentile with the learner loaded against without, the median of the rounds."""
    ratios = [run[LEARNING][name] / run[f"{HALF:.0%}"][name] for run in runs]
    return round(statistics.median(ratios), 2)


def _merged(runs: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    return {
        load: {name: spread([run[load][name] for run in runs], 2) for name in runs[0][load]}
        for load in runs[0]
    }
