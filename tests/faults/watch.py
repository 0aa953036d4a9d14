"""Sees records before they are committed: the moment at which a kill hurts most."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from checks import records_of

from schemas import topics
from stream.settings import Settings

WATCHED = (topics.LEAD_SCORES, topics.LEAD_FORWARDS, topics.MODEL_SNAPSHOTS)


class UncommittedWatch:
    """Follows outputs as they are written, committed or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: dict[str, asyncio.Future[ConsumerRecord]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin at the present end."""
        self._consumer = _uncommitted(
            self._settings, *(self._settings.topic(t.name) for t in WATCHED), begin="latest"
        )
        await self._consumer.start()
        self._task = asyncio.create_task(self._follow(self._consumer))

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await self._consumer.stop()

    async def next(self, topic: topics.Topic, timeout_s: float) -> ConsumerRecord | None:
        """Wait for the next record of a topic; None if there is none for a time."""
        if self._task is not None and self._task.done():
            self._task.result()
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._settings.topic(topic.name)] = future
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(future, timeout_s)
        return None

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            found = await consumer.getmany(timeout_ms=100)
            for where, records in found.items():
                future = self._waiting.pop(where.topic, None)
                if future is not None and not future.done():
                    future.set_result(records[-1])


async def count_aborted(settings: Settings) -> int:
    """Return how many score changes were written and never committed: kills that hit."""
    name = settings.topic(topics.LEAD_SCORES.name)
    consumer = _uncommitted(settings, begin="earliest")
    await consumer.start()
    try:
        where = [TopicPartition(name, number) for number in range(settings.partitions)]
        ends = await consumer.end_offsets(where)
        written = 0
        for partition, end in ends.items():
            consumer.assign([partition])
            while await consumer.position(partition) < end:
                found = await consumer.getmany(partition, timeout_ms=200)
                written += sum(len(records) for records in found.values())
    finally:
        await consumer.stop()
    return written - len(await records_of(settings, topics.LEAD_SCORES))


def _uncommitted(settings: Settings, *names: str, begin: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        *names,
        bootstrap_servers=settings.kafka_bootstrap,
        isolation_level="read_uncommitted",
        auto_offset_reset=begin,
        enable_auto_commit=False,
    )
