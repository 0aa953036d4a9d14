"""How long a worker takes to have all its leads back, and what memory they take."""

import itertools
import time
from typing import Any

import orjson

from schemas import topics
from stream.bench.harness import DEADLINE_S, WORKER, BenchError, machine, prepared, running, send
from stream.bench.mix import MixedEvent
from stream.bench.typical_leads import fill_changelog, lead_name
from stream.kafka.brokers.choose import open_broker
from stream.kafka.clients import new_reader, partition_of
from stream.lead.outputs import encode_key, rfc3339
from stream.settings import Settings

PARTITIONS = 8


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
        delivery = "exactly_once" if broker.has_transactions else "at_least_once"
        settings = await prepared(broker, partitions=PARTITIONS, delivery=delivery)
        typical = await fill_changelog(settings, leads)
        size = sum(len(row) for _, row in typical.rows(min(leads, 10_000)))
        await send(settings, _one_event_per_partition(typical.now_s, leads))
        found = await _time_first_scores(settings)
        return {
            "leads": leads,
            "partitions": PARTITIONS,
            **found,
            "bytes_per_lead": round(size / min(leads, 10_000)),
            "broker": f"{broker.kind} {broker.version}",
            **machine(),
        }


def _one_event_per_partition(now_s: float, leads: int) -> list[MixedEvent]:
    first: dict[int, str] = {}
    new = itertools.count(leads)  # a lead's first score always goes out
    while len(first) < PARTITIONS:
        lead_id = lead_name(next(new))
        first.setdefault(partition_of(encode_key(lead_id), PARTITIONS), lead_id)
    return [
        MixedEvent(
            topics.FORM_FILLS.name,
            lead_id,
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
        )
        for number, lead_id in first.items()
    ]


async def _time_first_scores(settings: Settings) -> dict[str, Any]:
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    await reader.start()
    started_s = time.monotonic()
    try:
        async with running(WORKER, settings.environment()) as program:
            partitions: dict[int, float] = {}
            while len(partitions) < PARTITIONS:
                program.check()
                if time.monotonic() - started_s > DEADLINE_S:
                    raise BenchError(f"no score of every partition within {DEADLINE_S:g} s")
                for batch in (await reader.getmany(timeout_ms=200)).values():
                    for record in batch:
                        number = partition_of(record.key, PARTITIONS)
                        partitions.setdefault(number, time.monotonic() - started_s)
            memory = program.memory()
    finally:
        await reader.stop()
    return {
        "restore_s": round(min(partitions.values()), 2),
        "restore_all_s": round(max(partitions.values()), 2),
        **memory,
    }
