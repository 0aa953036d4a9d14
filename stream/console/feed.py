"""The console's source: the end of the output topics, read beside the worker's own partitions."""

import asyncio

import structlog
from aiokafka import TopicPartition

from schemas import topics
from stream.console.audience import Audience
from stream.console.board import Board
from stream.kafka.clients import new_reader
from stream.logs import fault_of
from stream.settings import Settings

log = structlog.get_logger(__name__)

FOLLOWED = (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, topics.DEAD_LETTERS, topics.ERASURES)
READ_BACK = 20_000
"""Records of each partition that are read of the time before the start."""
RETRY_S = 1.0


class ConsoleFeed:
    """Puts outputs of all workers on the board, and tells the audience."""

    def __init__(self, settings: Settings, board: Board, audience: Audience) -> None:
        self._settings = settings
        self._board = board
        self._audience = audience
        self._task: asyncio.Task[None] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._names = {settings.topic(topic.name): topic.name for topic in FOLLOWED}

    def start(self) -> None:
        """Follow from now on."""
        self._task = asyncio.create_task(self._follow(), name="console")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _follow(self) -> None:
        while True:
            try:
                await self._read()
            except Exception as error:
                log.warning("outputs cannot be followed, trying again", error=fault_of(error))
                await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        reader = new_reader(self._settings, *self._names)
        await reader.start()
        try:
            partitions = [
                TopicPartition(name, number)
                for name in self._names
                for number in reader.partitions_for_topic(name) or ()
            ]
            # Otherwise a waiting fetch holds up the questions behind it.
            reader.unsubscribe()
            ends = await reader.end_offsets(partitions)
            beginnings = await reader.beginning_offsets(partitions)
            reader.assign(partitions)
            for where in partitions:
                known = self._positions.get(where, ends[where] - READ_BACK)
                reader.seek(where, max(known, beginnings[where]))
            while True:
                found = await reader.getmany(timeout_ms=1_000, max_records=1_000)
                for where, records in found.items():
                    for record in records:
                        self._take(where.topic, record.value)
                    self._positions[where] = records[-1].offset + 1
        finally:
            await reader.stop()

    def _take(self, topic: str, value: bytes | None) -> None:
        change = self._board.take(self._names[topic], value)
        if change is not None:
            self._audience.tell(change)
