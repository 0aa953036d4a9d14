"""Sending the outcome of a batch: exactly once in one transaction, or at least once in order."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced
from aiokafka.producer import sender as aiokafka_sender

from stream.kafka.clients import new_producer, partition_of
from stream.lead.outputs import Headers, Output
from stream.settings import Settings

# aiokafka waits this long when Kafka is still closing the former transaction, which
# back-to-back transactions meet at nearly every begin; its own 20 ms would be most of a batch.
aiokafka_sender.BACKOFF_OVERRIDE = 0.002


class OffsetCommitter(Protocol):
    """Commits the group's own position, some time after the work is done."""

    def end_if_frozen(self) -> None:
        """End the process if it stood still for so long that others have its partitions."""
        ...

    def note_offset(self, topic: str, partition: int, offset: int) -> None:
        """Note the offset that comes next, to be committed soon."""
        ...


ToSend = tuple[str, int, bytes | None, bytes | None, Headers]
"""Topic in Kafka, partition, key, value, headers."""


class PartitionProducer:
    """Sends what came of one input partition.

    Exactly once: one transactional producer per input partition, named after it, so that
    starting it shuts out a former owner; outputs and changelog in one transaction. The
    changelog says how far the input is done, so the group's own offset, committed later, is
    only a hint where to start reading: that saves two of five requests a transaction.
    At least once: outputs are acknowledged, then the changelog, then the offset is noted.

    Parameters
    ----------
    topic, partition
        The input partition, as named in Kafka.
    committer
        Told how far the input is done, after it is; the group's own offset follows.
    """

    def __init__(
        self, settings: Settings, topic: str, partition: int, committer: OffsetCommitter
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._partition = partition
        self._committer = committer
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Start, shutting out a former owner and ending the transaction it left open."""
        await self.close()
        transactional_id = None
        if self._settings.delivery == "exactly_once":
            transactional_id = f"{self._settings.app_id}-{self._topic}-{self._partition}"
        producer = new_producer(self._settings, transactional_id)
        await producer.start()
        self._producer = producer

    async def close(self) -> None:
        """Stop; an open transaction is aborted by whoever opens next."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(
        self,
        outputs: Iterable[Output],
        changelog: Sequence[ToSend] = (),
        next_offset: int | None = None,
    ) -> Mapping[tuple[str, int], int]:
        """Send outputs and changelog, and note the input offset if one is given.

        Outputs go to the partition of their key, the changelog to the partitions it names.

        Returns
        -------
        Mapping
            Topic and partition -> offset of the last changelog record there.

        Raises
        ------
        aiokafka.errors.ProducerFenced
            When another process owns the partition now; nothing of this was sent.
        aiokafka.errors.KafkaError
            When Kafka failed; what was sent is not visible, or will be sent again.
        """
        if self._producer is None:
            raise RuntimeError(f"producer of {self._topic}/{self._partition} is not open")
        producer = self._producer
        records = await addressed(producer, self._settings, outputs)
        if self._settings.delivery == "exactly_once":
            ends = await transact(producer, [*records, *changelog])
        else:
            self._committer.end_if_frozen()  # nothing else shuts out a former owner
            await append(producer, records)
            self._committer.end_if_frozen()
            ends = await append(producer, changelog)
        if next_offset is not None:
            self._committer.note_offset(self._topic, self._partition, next_offset)
        return ends


class SharedProducer:
    """One producer for all input partitions of a process, where repeats do no harm.

    Outputs are acknowledged before the input offset is noted for the next commit.
    """

    def __init__(self, settings: Settings, committer: OffsetCommitter) -> None:
        self._settings = settings
        self._committer = committer
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Start, or start anew where the producer has given up for good."""
        async with self._opening:
            producer = self._producer
            if producer is not None and not has_given_up(producer):
                return
            if producer is not None:
                await producer.stop()
            self._producer = new_producer(self._settings)
            await self._producer.start()

    async def close(self) -> None:
        """Stop."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(
        self, outputs: Iterable[Output], next_offsets: Mapping[tuple[str, int], int]
    ) -> None:
        """Send what came of a batch, then note how far its input partitions are done."""
        if self._producer is None:
            raise RuntimeError("the shared producer is not open")
        await append(self._producer, await addressed(self._producer, self._settings, outputs))
        for (topic, partition), next_offset in next_offsets.items():
            self._committer.note_offset(topic, partition, next_offset)


def has_given_up(producer: AIOKafkaProducer) -> bool:
    """Tell whether a producer that was started sends no more, for good."""
    return bool(producer._sender.sender_task.done())


async def addressed(
    producer: AIOKafkaProducer, settings: Settings, outputs: Iterable[Output]
) -> list[ToSend]:
    """Return outputs with the topic in Kafka and the partition of their key."""
    counts: dict[str, tuple[str, int]] = {}
    records: list[ToSend] = []
    for output in outputs:
        found = counts.get(output.topic)
        if found is None:
            name = settings.topic(output.topic)
            found = counts[output.topic] = name, len(await producer.partitions_for(name))
        name, partitions = found
        records.append(
            (name, partition_of(output.key, partitions), output.key, output.value, output.headers)
        )
    return records


async def transact(
    producer: AIOKafkaProducer, records: Iterable[ToSend]
) -> Mapping[tuple[str, int], int]:
    """Send records in one transaction; return as ``append`` does.

    Raises
    ------
    aiokafka.errors.ProducerFenced
        When another process has taken over. Who is shut out while sending to several partitions
        may hear of it as another error: taken for a failure, it would shut out the other in turn.
    aiokafka.errors.KafkaError
        When Kafka failed.
    """
    try:
        async with producer.transaction():
            return await append(producer, records)
    except ProducerFenced:
        raise
    except (IllegalOperation, KafkaError) as error:
        sending = producer._sender.sender_task
        ended = sending.exception() if sending.done() and not sending.cancelled() else None
        if isinstance(ended, ProducerFenced):
            raise ProducerFenced from error
        raise


async def append(
    producer: AIOKafkaProducer, records: Iterable[ToSend]
) -> Mapping[tuple[str, int], int]:
    """Send records in whole batches per partition, and wait until all are acknowledged.

    A batch that one builds oneself costs a fraction of a ``send`` per record.

    Returns
    -------
    Mapping
        Topic and partition -> offset of the last record there.
    """
    batches: dict[tuple[str, int], Any] = {}
    waiting = []

    async def send(where: tuple[str, int], batch: Any) -> None:
        topic, partition = where
        count = batch.record_count()
        waiting.append((where, count, await producer.send_batch(batch, topic, partition=partition)))

    for topic, partition, key, value, headers in records:
        where = topic, partition
        batch = batches.get(where)
        if batch is None:
            batch = batches[where] = producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            await send(where, batch)
            batch = batches[where] = producer.create_batch()
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                raise ValueError(
                    f"record of {len(value or b'')} bytes does not fit into a batch for {topic}"
                )
    for where, batch in batches.items():
        await send(where, batch)
    ends = {}
    try:
        for where, count, future in waiting:
            ends[where] = (await future).offset + count - 1
    except BaseException:
        for *_, future in waiting:  # one failure is told; asyncio would log each of the others
            future.add_done_callback(_retrieved)
        raise
    return ends


def _retrieved(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
