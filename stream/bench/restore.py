"""How long a worker takes to have all its leads back, and what memory they take."""

import asyncio
import itertools
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from schemas import topics
from stream.bench.typical_leads import fill_changelog, lead_name
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.choose import open_broker
from stream.kafka.clients import new_producer, new_reader, partition_of
from stream.kafka.transactions import append
from stream.lead.outputs import encode_key, rfc3339
from stream.settings import Settings

PARTITIONS = 8
DEADLINE_S = 300.0


class BenchError(RuntimeError):
    """A benchmark could not be run to its end; the message says why."""


async def bench_restore(leads: int, kafka: str) -> dict[str, Any]:
    """Start one worker on a changelog of so many leads and wait for the first scores.

    One event per partition waits when the worker starts.

    Returns
    -------
    dict
        ``restore_s`` from the start of the process to the first score, ``restore_all_s`` to the
        first score of every partition, ``rss_bytes`` then and ``peak_rss_bytes`` until then,
        ``bytes_per_lead`` in the changelog, and what it ran on.
    """
    with open_broker(kafka) as broker:
        own = f"bench-{os.getpid()}-{int(time.time())}"
        settings = Settings(
            kafka_bootstrap=broker.bootstrap,
            app_id=own,
            topic_prefix=f"{own}-",
            delivery="exactly_once" if broker.has_transactions else "at_least_once",
            clock="event",
            partitions=PARTITIONS,
            web_port=0,
            log_level="WARNING",
            late_grace_s=1e9,
        )
        await ensure_topics(settings)
        typical = await fill_changelog(settings, leads)
        size = sum(len(row) for _, row in typical.rows(min(leads, 10_000)))
        await _send_one_event_per_partition(settings, typical.now_s, leads)
        found = await _time_first_scores(settings)
        return {
            "leads": leads,
            "partitions": PARTITIONS,
            **found,
            "bytes_per_lead": round(size / min(leads, 10_000)),
            "broker": f"{broker.kind} {broker.version}",
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        }


async def _send_one_event_per_partition(settings: Settings, now_s: float, leads: int) -> None:
    first: dict[int, str] = {}
    new = itertools.count(leads)  # a lead's first score always goes out
    while len(first) < PARTITIONS:
        lead_id = lead_name(next(new))
        first.setdefault(partition_of(encode_key(lead_id), PARTITIONS), lead_id)
    producer = new_producer(settings)
    await producer.start()
    try:
        topic = settings.topic(topics.FORM_FILLS.name)
        await append(
            producer,
            [
                (
                    topic,
                    number,
                    lead_id.encode(),
                    orjson.dumps(
                        {
                            "type": "form_fill",
                            "event_id": f"first-{number}",
                            "occurred_at": rfc3339(now_s),
                            "lead_id": lead_id,
                            "form_id": "f",
                            "form_kind": "demo_request",
                        }
                    ),
                    [],
                )
                for number, lead_id in first.items()
            ],
        )
    finally:
        await producer.stop()


async def _time_first_scores(settings: Settings) -> dict[str, Any]:
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    with tempfile.TemporaryFile() as log:
        started_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stream",
            "worker",
            env={**os.environ, **settings.environment()},
            stdout=log,
            stderr=log,
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                partitions: dict[int, float] = {}
                while len(partitions) < PARTITIONS:
                    if process.returncode is not None:
                        log.seek(0)
                        raise BenchError(f"the worker ended: {log.read()[-2_000:].decode()}")
                    for batch in (await reader.getmany(timeout_ms=200)).values():
                        for record in batch:
                            number = partition_of(record.key, PARTITIONS)
                            partitions.setdefault(number, time.monotonic() - started_s)
            memory = _memory(process.pid)
        except TimeoutError:
            raise BenchError(f"no score of every partition within {DEADLINE_S:g} s") from None
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            await reader.stop()
    return {
        "restore_s": round(min(partitions.values()), 2),
        "restore_all_s": round(max(partitions.values()), 2),
        **memory,
    }


def _memory(process_id: int) -> dict[str, int]:
    path = Path(f"/proc/{process_id}/status")
    if not path.exists():
        return {}  # not on Linux
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    return {
        "rss_bytes": int(lines["VmRSS"].split()[0]) * 1024,
        "peak_rss_bytes": int(lines["VmHWM"].split()[0]) * 1024,
    }
