"""How many events a collector acknowledges, and how soon, on a real Kafka."""

import asyncio
import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from schemas import topics
from stream.bench.harness import BenchError, Program, machine, prepared, running, spread
from stream.bench.tracking_load import answers_of, page_bodies
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.choose import open_broker
from stream.kafka.clients import new_reader

_COMMAND = (sys.executable, "-m", "stream", "collect")
PARTITIONS = 4
WRITE_KEY = "a-write-key-of-this-benchmark"
SHAPES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"one_a_request": ("/v1/page", 1), "batches_of_20": ("/v1/batch", 20)}
)
"""How events come: as browsers send them, and as servers do."""
START_S = 30.0
SETTLE_EVENTS = 2_000
"""Sent before anything counts."""


async def bench_collect(
    seconds: float, rounds: int, events_per_s: float, kafka: str
) -> dict[str, Any]:
    """Send page views at a rate to one collector and time their acknowledgements.

    Parameters
    ----------
    seconds
        How long each load lasts.
    rounds
        How often; each figure is its least, median and most over the rounds.
    events_per_s
        The rate.

    Returns
    -------
    dict
        By shape of requests: ``p50_ms`` and ``p99_ms`` of an event from when it should have gone
        out to its answer, ``events_per_s`` acknowledged, ``events_per_cpu_s`` of the collector.

    Raises
    ------
    BenchError
        If a request is refused, or an acknowledged event is not in its topic.
    """
    found: dict[str, list[dict[str, float]]] = {shape: [] for shape in SHAPES}
    with open_broker(kafka) as broker:
        kind = f"{broker.kind} {broker.version}"
        for _ in range(rounds):
            for shape, figures in found.items():
                figures.append(await _load(broker, shape, seconds, events_per_s))
    report: dict[str, Any] = {
        shape: {name: spread([f[name] for f in figures]) for name in figures[0]}
        for shape, figures in found.items()
    }
    return {**report, "rate_events_per_s": events_per_s, "seconds": seconds, "rounds": rounds,
            "broker": kind, **machine()}  # fmt: skip


async def _load(
    broker: Broker, shape: str, seconds: float, events_per_s: float
) -> dict[str, float]:
    settings = await prepared(
        broker, partitions=PARTITIONS, write_keys=WRITE_KEY, collect_port=0, log_level="INFO"
    )
    path, batch = SHAPES[shape]
    async with running(_COMMAND, settings.environment()) as program:
        url = await _url(program)
        warm = page_bodies(SETTLE_EVENTS // batch, batch)
        await answers_of(url, WRITE_KEY, path, warm, events_per_s / batch)
        bodies = page_bodies(round(seconds * events_per_s / batch), batch)
        before_s, started_s = program.cpu_s(), time.perf_counter()
        answers = await answers_of(url, WRITE_KEY, path, bodies, events_per_s / batch)
        elapsed_s, cpu_s = time.perf_counter() - started_s, program.cpu_s() - before_s
    refused = [status for status in answers.statuses if status != 200]
    if refused:
        raise BenchError(f"{len(refused)} requests were answered with {set(refused)}")
    acknowledged = (len(warm) + len(bodies)) * batch
    reader = new_reader(settings, settings.topic(topics.PAGE_VIEWS.name))
    await reader.start()
    try:
        kept = sum((await reader.end_offsets(reader.assignment())).values())
    finally:
        await reader.stop()
    if kept != acknowledged:
        raise BenchError(f"{acknowledged} events were acknowledged, {kept} are in the topic")
    latencies_ms = sorted(1_000.0 * latency_s for latency_s in answers.latencies_s)
    return {
        "p50_ms": latencies_ms[len(latencies_ms) // 2],
        "p99_ms": latencies_ms[int(len(latencies_ms) * 0.99)],
        "events_per_s": len(bodies) * batch / elapsed_s,
        "events_per_cpu_s": len(bodies) * batch / cpu_s,
    }


async def _url(program: Program) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        program.check()
        if "takes events at " in (said := program.said()):
            return said.split("takes events at ")[1].split(";")[0]
        await asyncio.sleep(0.05)
    raise BenchError(f"no collector after {START_S:g} s: {program.said()}")
