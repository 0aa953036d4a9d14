"""How many events a CPU-second is good for: leadstream, its peers, and a loop without Kafka."""

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import topics
from stream.bench.harness import (
    WORKER,
    BenchError,
    machine,
    prepared,
    running,
    send,
    spread,
    wait_for_scores,
)
from stream.bench.mix import mixed_events
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.choose import open_broker
from stream.kafka.clients import new_reader
from stream.settings import Settings

PARTITIONS = 4
LEADS = 1_000
PEERS = Path(__file__).parents[2] / "tests" / "benchmarks" / "peers"
PEER_PACKAGES = {"quix": "quixstreams", "faust": "faust-streaming"}


@dataclass(frozen=True)
class Contestant:
    """A program at the job, and its topics: of score changes, and of events where it is one."""

    command: Sequence[str]
    environment: Mapping[str, str]
    settings: Settings
    scores: str
    topic: str | None = None


async def bench_throughput(
    events: int, rounds: int, kafka: str, peers: Sequence[str]
) -> dict[str, Any]:
    """Run every contestant by turns, so often, and compare them round by round.

    A round counts the CPU-seconds of all of a contestant's processes, the broker apart, from its
    being warm until the last of its score changes can be read.

    Returns
    -------
    dict
        ``ratio_…``: leadstream's events per CPU-second over the other's, the median of the rounds;
        per contestant ``events_per_cpu_s`` and ``events_per_s`` with their spread; the machine.

    Raises
    ------
    BenchError
        If a peer is not installed, or a contestant ends early or leaves work undone.
    """
    versions = {name: _version(name) for name in peers}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ("leadstream", *peers, "limit")}
    with open_broker(kafka) as broker:
        for _ in range(rounds):
            for name, found in rows.items():
                if name == "limit":
                    found.append(await _run_limit(events))
                else:
                    found.append(await _run(name, broker, events))
        kind = f"{broker.kind} {broker.version}"
    return {
        "events": events,
        "rounds": rounds,
        "leads": LEADS,
        "partitions": PARTITIONS,
        **{f"ratio_{name}": _ratio(rows, name) for name in rows if name != "leadstream"},
        **{
            name: {figure: spread([row[figure] for row in found]) for figure in found[0]}
            for name, found in rows.items()
        },
        "broker": kind,
        **machine(),
        "versions": versions,
    }


def _version(peer: str) -> str:
    if peer not in PEER_PACKAGES:
        raise BenchError(f"there is no peer {peer!r}: give {', '.join(PEER_PACKAGES)} or none")
    try:
        return version(PEER_PACKAGES[peer])
    except PackageNotFoundError:
        raise BenchError(
            f"{PEER_PACKAGES[peer]} is not installed: pip install --editable '.[bench]'"
        ) from None


async def _run(name: str, broker: Broker, events: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
        one = await (_leadstream(broker) if name == "leadstream" else _peer(name, broker, folder))
        warm = events // 4
        reader = new_reader(one.settings, one.scores)
        await reader.start()
        try:
            async with running(one.command, one.environment) as program:
                await send(one.settings, mixed_events(warm, LEADS), one.topic)
                await wait_for_scores(reader, warm, program)
                cpu_s, started_s = program.cpu_s(), time.monotonic()
                await send(one.settings, mixed_events(events, LEADS, first=warm), one.topic)
                await wait_for_scores(reader, events, program)
                elapsed_s = time.monotonic() - started_s
                cpu_s = program.cpu_s() - cpu_s
        finally:
            await reader.stop()
    return {"events_per_cpu_s": events / cpu_s, "events_per_s": events / elapsed_s}


async def _leadstream(broker: Broker) -> Contestant:
    settings = await prepared(broker, partitions=PARTITIONS)
    return Contestant(
        WORKER, settings.environment(), settings, settings.topic(topics.LEAD_SCORES.name)
    )


async def _peer(name: str, broker: Broker, folder: str) -> Contestant:
    program = PEERS / f"{name}_app.py"
    if not program.exists():
        raise BenchError(f"{program} is missing: run this in a checkout of leadstream")
    own = f"bench-{uuid.uuid4().hex[:8]}"
    events, scores = f"{own}-events", f"{own}-scores"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    made = admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in (events, scores)])
    await asyncio.gather(*(asyncio.to_thread(done.result) for done in made.values()))
    arguments = ("worker", "-l", "warn", "--without-web") if name == "faust" else ()
    return Contestant(
        (sys.executable, str(program), *arguments),
        {
            "PEER_NAME": own,
            "PEER_BOOTSTRAP": broker.bootstrap,
            "PEER_EVENTS": events,
            "PEER_SCORES": scores,
            "PEER_PARTITIONS": str(PARTITIONS),
            "PEER_FOLDER": folder,
            "PYTHONPATH": str(PEERS.parents[2]),
        },
        Settings(kafka_bootstrap=broker.bootstrap, app_id=own, partitions=PARTITIONS),
        scores,
        events,
    )


async def _run_limit(events: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream.bench.limit", str(events), str(LEADS),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    if process.returncode:
        raise BenchError(f"the plain loop ended: {error.decode()[-2_000:]}")
    found = orjson.loads(out)
    rate = found["events"] / found["cpu_s"]
    return {"events_per_cpu_s": rate, "events_per_s": rate}


def _ratio(rows: Mapping[str, list[dict[str, float]]], other: str) -> float:
    pairs = zip(rows["leadstream"], rows[other], strict=True)
    return round(
        statistics.median(a["events_per_cpu_s"] / b["events_per_cpu_s"] for a, b in pairs), 2
    )
