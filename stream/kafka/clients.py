"""Kafka clients as the settings ask for them: security, isolation, sizes, in one place."""

import ssl
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaTimeoutError

from schemas.topics import Topic
from stream.settings import Settings

MAX_REQUEST_BYTES = 4 << 20
"""A dead letter holds a refused event, sealed and in base64, beside its reason."""
READ_RECORDS = 5_000
"""Records handed over at once when a partition is read back."""
READ_STALL_S = 60.0
"""A partition that is read back has to bring something in this time."""


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that a key belongs to: CRC-32, as librdkafka's ``consistent`` does.

    >>> partition_of(b"lead-1", 8)
    0
    """
    return zlib.crc32(key) % partitions


def security(settings: Settings) -> dict[str, Any]:
    """Return the arguments that make an aiokafka client speak to Kafka as configured."""
    protocol = settings.kafka_security_protocol
    arguments: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl_context(settings)
    if protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return arguments


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context that the settings describe."""
    context = ssl.create_default_context(
        cafile=str(settings.kafka_ssl_ca_file) if settings.kafka_ssl_ca_file else None
    )
    if settings.kafka_ssl_cert_file:
        context.load_cert_chain(settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file)
    return context


def new_producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """Return a producer, not started: transactional, or idempotent where Kafka can be."""
    arguments: dict[str, Any] = {}
    if transactional_id is not None:
        arguments = {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": int(settings.transaction_timeout_s * 1000),
        }
    elif settings.delivery == "exactly_once":
        arguments = {"enable_idempotence": True}
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=settings.app_id,
        acks="all",
        max_batch_size=MAX_REQUEST_BYTES // 2,
        max_request_size=MAX_REQUEST_BYTES,
        request_timeout_ms=15_000,
        **arguments,
        **security(settings),
    )


def new_reader(settings: Settings, *topics: str, group_id: str | None = None) -> AIOKafkaConsumer:
    """Return a consumer, not started, that reads committed records from the beginning."""
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=settings.app_id,
        group_id=group_id,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        **security(settings),
    )


def new_member(settings: Settings, group_id: str, fetch_bytes: int) -> AIOKafkaConsumer:
    """Return a consumer, not started, that shares topics with others of its group.

    Partitions of one number come to the same member, where the topics have equally many.

    Parameters
    ----------
    fetch_bytes
        What one fetch brings of one partition at most; a larger record comes all the same.
    """
    session_ms = int(settings.session_timeout_s * 1000)
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=settings.app_id,
        group_id=group_id,
        partition_assignment_strategy=[RangePartitionAssignor],
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // 10,
        **security(settings),
    )


async def partitions_of(settings: Settings, topic: Topic) -> int:
    """Return how many partitions a topic has in Kafka."""
    reader = new_reader(settings, settings.topic(topic.name))
    await reader.start()
    try:
        return len(reader.partitions_for_topic(settings.topic(topic.name)) or ())
    finally:
        await reader.stop()


def new_admin(settings: Settings) -> AIOKafkaAdminClient:
    """Return an administration client, not started."""
    return AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap, client_id=settings.app_id, **security(settings)
    )


async def beginning_offset(settings: Settings, topic: str, partition: int) -> int:
    """Return the offset that a partition begins at; 0 unless retention has cut it."""
    reader = new_reader(settings)
    try:
        await reader.start()
        where = TopicPartition(topic, partition)
        return int((await reader.beginning_offsets([where]))[where])
    finally:
        await reader.stop()


async def read_batches(
    settings: Settings, topic: str, partition: int, from_offset: int = 0
) -> AsyncIterator[list[Any]]:
    """Yield the committed records of a partition in batches, from an offset to its present end.

    ``topic`` is the name in Kafka. Open transactions ahead of the end are waited for.

    Raises
    ------
    aiokafka.errors.KafkaTimeoutError
        If nothing more comes for ``READ_STALL_S``.
    """
    reader = new_reader(settings)
    try:
        await reader.start()
        where = TopicPartition(topic, partition)
        end = (await reader.end_offsets([where]))[where]
        beginning = (await reader.beginning_offsets([where]))[where]
        reader.assign([where])  # not earlier: a waiting fetch holds up the questions behind it
        position = max(from_offset, beginning)
        reader.seek(where, position)
        moved_s = time.monotonic()
        # The position passes over aborted records and transaction marks, which come in no batch.
        while position < end:
            found = await reader.getmany(where, timeout_ms=200, max_records=READ_RECORDS)
            for batch in found.values():
                yield [r for r in batch if r.offset < end] if batch[-1].offset >= end else batch
            former, position = position, await reader.position(where)
            if position > former:
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > READ_STALL_S:
                raise KafkaTimeoutError(
                    f"{topic}/{partition} ends at {end}, and since {READ_STALL_S:g} s nothing "
                    f"has come after {position}: a broker is away, or a transaction stays open"
                )
    finally:
        await reader.stop()


async def read_all(
    settings: Settings, topic: str, partition: int, from_offset: int = 0
) -> list[Any]:
    """Return what ``read_batches`` yields, in one list: for what is known to be small."""
    batches = read_batches(settings, topic, partition, from_offset)
    return [record async for batch in batches for record in batch]


async def read_latest(settings: Settings, topic: str, partition: int) -> dict[bytes, bytes]:
    """Return the last value of each key in a partition of a compacted topic, deleted ones left out.

    ``topic`` is the name in Kafka.
    """
    latest: dict[bytes, bytes] = {}
    async for batch in read_batches(settings, topic, partition):
        for record in batch:
            if record.value is None:
                latest.pop(record.key, None)
            else:
                latest[record.key] = record.value
    return latest
