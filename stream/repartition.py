"""More partitions for ``lead-events``: each lead moves to where its key belongs from then on.

The move stands in the logs themselves, as ``lead_left`` in the old partition's and
``lead_adopted`` in the new one's, both in one transaction: states stay a pure fold of their log.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from schemas import topics
from stream.expected import ExpectedError
from stream.kafka.clients import new_admin, partition_of, partitions_of, read_batches
from stream.kafka.transactions import PartitionProducer, ToSend
from stream.lead.erasure import ERASED_PREFIX
from stream.lead.progress import META_KEY
from stream.lead.routing import MAX_PARTS, SOURCE_HEADER
from stream.lead.stored_form import decode_document, decode_state
from stream.settings import Settings
from stream.state_repair import NoCommits
from stream.stored_states import latest_states

LEADS_AT_ONCE = 200
SETTLE_S = 30.0


class RepartitionError(ExpectedError, RuntimeError):
    """The number of partitions cannot be changed now; the message says why and what to do."""


async def repartition(settings: Settings, partitions: int) -> int:
    """Spread the leads over more partitions; return how many move.

    Workers must be stopped, and must have worked off all that had come in. Killed in the
    middle and run again, it goes on with the leads that have not moved; no worker may run
    in between.

    Raises
    ------
    RepartitionError
        If there are more partitions already, workers run, or something is left to be done.
    """
    admin = new_admin(settings)
    await admin.start()
    try:
        present = await partitions_of(settings, topics.LEAD_EVENTS)
        if partitions < present or not present:
            raise RepartitionError(
                f"lead-events has {present} partitions and cannot have {partitions}: Kafka only "
                "adds partitions; give a larger number"
            )
        await _refuse_running_workers(admin, settings)
        stored = {n: await latest_states(settings, n) for n in range(present)}
        gone = {n: await _left(settings, n, stored[n]) for n in range(present)}
        await _refuse_repeats_to_come(admin, settings, stored)
        await _grow(admin, settings, partitions)
    finally:
        await admin.close()
    now_s = max(
        (decode_document(rows[META_KEY])["now_s"] for rows in stored.values() if META_KEY in rows),
        default=0.0,
    )
    moved = 0
    for number, rows in stored.items():
        moving = [
            (key, row)
            for key, row in rows.items()
            if key != META_KEY
            and not key.startswith(ERASED_PREFIX)
            and key not in gone[number]
            and partition_of(key, partitions) != number
        ]
        await _move(settings, number, moving, partitions, now_s)
        await _tell_erasures(settings, number, rows, partitions)
        moved += len(moving)
    return moved


async def _refuse_running_workers(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    for response in await admin.describe_consumer_groups([settings.app_id]):
        for group in response.groups:
            members = group[5]
            if members:
                raise RepartitionError(
                    f"{len(members)} workers run: stop them, and wait until they are gone"
                )


async def _left(settings: Settings, number: int, rows: dict[bytes, bytes]) -> set[bytes]:
    """Return the leads that a former run has moved; refuse events that nobody has folded."""
    done = decode_document(rows[META_KEY])["next_offset"] if META_KEY in rows else 0
    left = set()
    topic = settings.topic(topics.LEAD_EVENTS.name)
    async for records in read_batches(settings, topic, number, done):
        for record in records:
            if SOURCE_HEADER in dict(record.headers):
                raise RepartitionError(
                    f"partition {number} of lead-events has events after offset {done} that no "
                    "worker has taken in: start the workers, let them finish, and stop them"
                )
            if orjson.loads(record.value)["type"] == "lead_left":
                left.add(record.key)
    return left


async def _refuse_repeats_to_come(
    admin: AIOKafkaAdminClient, settings: Settings, stored: dict[int, dict[bytes, bytes]]
) -> None:
    """Refuse where route would repeat input: its copies are known to the old partitions only."""
    seen: dict[TopicPartition, int] = {}
    for rows in stored.values():
        if META_KEY in rows:
            for source, position in decode_document(rows[META_KEY])["sources"].items():
                topic, partition = source.rsplit("/", 1)
                where = TopicPartition(settings.topic(topic), int(partition))
                seen[where] = max(seen.get(where, 0), position // MAX_PARTS + 1)
    committed = await admin.list_consumer_group_offsets(settings.app_id, partitions=list(seen))
    for where, next_offset in seen.items():
        found = committed.get(where)
        if found is None or found.offset < next_offset:
            raise RepartitionError(
                f"{where.topic}/{where.partition} is worked off up to {next_offset}, but that is "
                "not committed: the workers were killed; start them, let them finish, and stop "
                "them with SIGTERM"
            )


async def _grow(admin: AIOKafkaAdminClient, settings: Settings, partitions: int) -> None:
    for topic in (topics.LEAD_EVENTS, topics.LEAD_STATES):
        if await partitions_of(settings, topic) < partitions:
            await admin.create_partitions(
                {settings.topic(topic.name): NewPartitions(total_count=partitions)}
            )
    async with asyncio.timeout(SETTLE_S):
        for topic in (topics.LEAD_EVENTS, topics.LEAD_STATES):
            # Kafka answers before all brokers know; there is no event to wait for.
            while await partitions_of(settings, topic) < partitions:  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def _move(
    settings: Settings,
    number: int,
    moving: list[tuple[bytes, bytes]],
    partitions: int,
    now_s: float,
) -> None:
    topic = settings.topic(topics.LEAD_EVENTS.name)
    producer = PartitionProducer(settings, topic, number, NoCommits())
    await producer.open()
    try:
        for first in range(0, len(moving), LEADS_AT_ONCE):
            some = moving[first : first + LEADS_AT_ONCE]
            await producer.send((), list(_records(topic, number, some, partitions, now_s)))
    finally:
        await producer.close()


async def _tell_erasures(
    settings: Settings, number: int, rows: dict[bytes, bytes], partitions: int
) -> None:
    """Let all partitions know which addresses this one saw erased: a hash names no partition."""
    entries = {
        key.removeprefix(ERASED_PREFIX).decode(): [document["erased_at_s"], document["asked_at_s"]]
        for key, row in rows.items()
        if key.startswith(ERASED_PREFIX)
        for document in (decode_document(row),)
    }
    if not entries:
        return
    topic = settings.topic(topics.LEAD_EVENTS.name)
    value = orjson.dumps({"type": "erasures_adopted", "entries": entries})
    producer = PartitionProducer(settings, topic, number, NoCommits())
    await producer.open()
    try:
        others = [n for n in range(partitions) if n != number]
        await producer.send((), [(topic, other, None, value, []) for other in others])
    finally:
        await producer.close()


def _records(
    topic: str, number: int, moving: list[tuple[bytes, bytes]], partitions: int, now_s: float
) -> Iterator[ToSend]:
    for target in sorted({partition_of(key, partitions) for key, _ in moving}):
        yield topic, target, None, orjson.dumps({"type": "tick", "now_s": now_s}), []
    for key, row in moving:
        adopted: dict[str, Any] = {"type": "lead_adopted", "state": decode_state(row).to_json()}
        yield topic, partition_of(key, partitions), key, orjson.dumps(adopted), []
        yield topic, number, key, orjson.dumps({"type": "lead_left"}), []
