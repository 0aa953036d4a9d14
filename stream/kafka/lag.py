"""How far the workers are behind what has been sent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas import topics
from stream import metrics
from stream.kafka.clients import new_admin, new_reader, read_batches
from stream.settings import Settings

if TYPE_CHECKING:
    from faust.types import TP

WORKED_ON = (*topics.INPUTS, topics.LEAD_FORWARDS, topics.LEAD_EVENTS)


def observe_lag(lag: "Mapping[TP, int]", topic_prefix: str) -> None:
    """Show how far each partition of this process is behind; what has gone to others is not."""
    metrics.CONSUMER_LAG_RECORDS.clear()
    for tp, records in lag.items():
        name = tp.topic.removeprefix(topic_prefix)
        metrics.CONSUMER_LAG_RECORDS.labels(name, str(tp.partition)).set(records)


class LagMeter:
    """Compares what the worker group has committed with what the topics hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._coordinator: int | None = None
        self._partitions: list[TopicPartition] = []

    async def start(self) -> None:
        """Find the partitions.

        They are not assigned: a waiting fetch would hold up the questions behind it.
        """
        self._reader = new_reader(self._settings)
        await self._reader.start()
        self._admin = new_admin(self._settings)
        await self._admin.start()
        for topic in WORKED_ON:
            name = self._settings.topic(topic.name)
            await self._reader._client.add_topic(name)
            numbers = self._reader.partitions_for_topic(name) or set()
            self._partitions += [TopicPartition(name, number) for number in sorted(numbers)]

    async def stop(self) -> None:
        """Let go."""
        if self._reader is not None:
            await self._reader.stop()
        if self._admin is not None:
            await self._admin.close()

    async def behind(self) -> dict[TopicPartition, tuple[int, int]]:
        """Return the committed and the end offset of each partition where they differ.

        The end counts transaction marks too, so the difference is at most a little too large.
        """
        if self._reader is None or self._admin is None:
            raise RuntimeError("the lag meter is not started")
        if self._coordinator is None:
            self._coordinator = await self._admin.find_coordinator(self._settings.app_id)
        ends = await self._reader.end_offsets(self._partitions)
        offsets = await self._admin.list_consumer_group_offsets(
            self._settings.app_id, self._coordinator, self._partitions
        )
        found = {}
        for where in self._partitions:
            committed = max(0, offsets[where].offset) if where in offsets else 0
            if committed < ends[where]:
                found[where] = committed, ends[where]
        return found

    async def lag(self) -> int:
        """Return how many records the workers are behind, roughly."""
        return sum(end - committed for committed, end in (await self.behind()).values())

    async def is_drained(self) -> bool:
        """Tell whether no record is left to be worked on; marks do not count."""
        for where, (committed, _) in (await self.behind()).items():
            found = read_batches(self._settings, where.topic, where.partition, committed)
            if any([batch async for batch in found]):
                return False
        return True
