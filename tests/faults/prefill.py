"""Idle leads in the changelog, so that a campaign meets states as large as in production."""

import asyncio
from dataclasses import dataclass, replace

from checks import changelog_of, digest
from confluent_kafka import Producer

from faults.feed import START
from schemas import topics
from stream.kafka.clients import partition_of
from stream.lead.outputs import Headers, Origin, encode_key
from stream.lead.partition import Partition
from stream.lead.routing import Router
from stream.lead.state import LeadState
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS = 3_000
CHUNK = 10_000


@dataclass(frozen=True)
class _Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def typical_state(settings: Settings) -> LeadState:
    """Return the state of median size among named leads of a simulation."""
    partition = Partition(settings.house(), SnapshotStore())
    router = Router(settings.email_key.get_secret_value().encode(), replayed=True)
    offset = 0
    for number, event in enumerate(Simulation(events=EVENTS, seed=1, start=START)):
        origin = Origin(event.topic, 0, number, event.arrives_at)
        for output in router.route(event.key, event.value, origin).outputs:
            if output.topic == topics.LEAD_EVENTS.name:
                at_ms = int(event.arrives_at * 1000)
                partition.apply(_Record(offset, at_ms, output.key, output.value, output.headers))
                offset += 1
    sizes = sorted(
        (len(value), key.decode())
        for key, value in changelog_of(partition).items()
        if key.startswith(b"lead-") and partition.leads[key.decode()].forward_to is None
    )
    return partition.leads[sizes[len(sizes) // 2][1]]


async def prefill(settings: Settings, leads: int) -> dict[int, dict[bytes, bytes]]:
    """Write the states of idle leads; return partition -> key -> digest.

    Nothing is due to them, so that no time mark ever wakes them.
    """
    if not leads:
        return {}
    typical = replace(typical_state(settings), offset=-1, next_due_s=None)
    written: dict[int, dict[bytes, bytes]] = {n: {} for n in range(settings.partitions)}
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "acks": "all"})
    name = settings.topic(topics.LEAD_STATES.name)
    for first in range(0, leads, CHUNK):
        clones: dict[int, dict[str, LeadState]] = {n: {} for n in range(settings.partitions)}
        for number in range(first, min(first + CHUNK, leads)):
            lead_id = f"idle-{number:08}"
            owner = partition_of(encode_key(lead_id), settings.partitions)
            clones[owner][lead_id] = replace(typical, lead_id=lead_id)
        for number, states in clones.items():
            partition = Partition(settings.house(), SnapshotStore())
            partition.leads = states
            for key, value in changelog_of(partition).items():
                written[number][key] = digest(value)
                producer.produce(name, value=value, key=key, partition=number)
        await asyncio.to_thread(producer.flush)
    return written
