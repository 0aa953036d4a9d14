"""The personalizer's topic, read from its beginning and kept up with."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from schemas import topics
from stream.kafka.clients import new_reader
from stream.logs import fault_of
from stream.personalizer.personalizer import Personalizer
from stream.settings import Settings

log = structlog.get_logger(__name__)

WAIT_MS = 500
AGAIN_S = 1.0
SLACK_S = 5.0
"""Beyond what Kafka may take to acknowledge: how far clocks of several processes may differ."""
YIELD_EVERY = 20


class Follower:
    """Takes the records of the topic in, for good.

    Parameters
    ----------
    personalizer
        Takes them in.
    """

    def __init__(self, settings: Settings, personalizer: Personalizer) -> None:
        self._settings = settings
        self._personalizer = personalizer
        self._adapter = topics.PERSONALIZER_EVENTS.adapter()
        self._where = TopicPartition(settings.topic(topics.PERSONALIZER_EVENTS.name), 0)
        self._slack_s = settings.collect_timeout_s + SLACK_S
        self._offset: int | None = None
        self._newest_s = 0.0
        self._caught_up = asyncio.Event()

    @property
    def has_caught_up(self) -> bool:
        """Whether all that was there when it began is taken in."""
        return self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Return once it is."""
        await self._caught_up.wait()

    async def follow(self) -> None:
        """Follow the topic; what fails is tried again."""
        while True:
            reader = new_reader(self._settings)
            try:
                await reader.start()
                reader.assign([self._where])
                if self._offset is None:
                    await reader.seek_to_beginning(self._where)
                else:
                    reader.seek(self._where, self._offset)
                while True:
                    await self._take_in(reader)
            except Exception as error:
                log.warning("events cannot be followed, trying again", error=fault_of(error))
                await asyncio.sleep(AGAIN_S)
            finally:
                await reader.stop()

    async def _take_in(self, reader: AIOKafkaConsumer) -> None:
        asked_s = time.time()
        end = (await reader.end_offsets([self._where]))[self._where]
        if await reader.position(self._where) >= end:
            # Nothing that was written before is missing, so what is over by the clock is over.
            self._personalizer.settle(asked_s - self._slack_s)
            self._caught_up.set()
        found = await reader.getmany(self._where, timeout_ms=WAIT_MS, max_records=500)
        for number, record in enumerate(found.get(self._where, ()), start=1):
            self._apply(record.value)
            self._offset = record.offset + 1
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _apply(self, value: bytes | None) -> None:
        try:
            event = self._adapter.validate_json(value or b"")
        except ValidationError:
            log.warning("a record of personalizer-events is none of this release, passed over")
            return
        self._newest_s = max(self._newest_s, event.occurred_at.timestamp())
        self._personalizer.settle(self._newest_s - self._slack_s)
        self._personalizer.apply(event)
