"""Taking in records for others: each is acknowledged by all replicas, or its sender hears of it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import topics
from stream.kafka.administration import TopicError
from stream.kafka.clients import new_producer, partition_of
from stream.kafka.transactions import has_given_up
from stream.lead.outputs import Output
from stream.settings import Settings

log = structlog.get_logger(__name__)


class NotAcknowledgedError(RuntimeError):
    """Kafka has not acknowledged records in time, or has refused them; the message says which."""


class Room:
    """Bounds what is under way, in bytes.

    >>> room = Room(100)
    >>> room.take(60), room.take(60), room.taken_bytes
    (True, False, 60)
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.taken_bytes = 0

    def take(self, size_bytes: int) -> bool:
        """Take room for something; False where there is not enough."""
        if self.taken_bytes + size_bytes > self.limit_bytes:
            return False
        self.taken_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Give room back."""
        self.taken_bytes -= size_bytes


class Intake:
    """Appends records to some topics.

    What comes while Kafka is busy with a partition goes there as one batch after it: concurrent
    senders share a request, and nobody waits for a batch to fill.

    Parameters
    ----------
    timeout_s
        How long Kafka may take to acknowledge.
    into
        The topics.
    """

    def __init__(
        self, settings: Settings, timeout_s: float, into: Sequence[topics.Topic] = topics.INPUTS
    ) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._into = into
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, tuple[str, int]] = {}
        self._opening = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether it can append."""
        return self._producer is not None and not has_given_up(self._producer)

    async def open(self) -> None:
        """Connect, anew where the producer has given up for good.

        Raises
        ------
        stream.kafka.administration.TopicError
            If a topic is missing.
        aiokafka.errors.KafkaConnectionError
            If Kafka does not answer.
        """
        async with self._opening:
            if self.is_ready:
                return
            await self.close()
            producer = new_producer(self._settings)
            try:
                await producer.start()
                self._partitions = {
                    topic.name: await self._found(producer, topic) for topic in self._into
                }
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer

    async def close(self) -> None:
        """Send what waits, and stop."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def append(
        self, records: Sequence[Output], when_settled: Callable[[], None] = lambda: None
    ) -> None:
        """Append records in their order; return when all replicas have all of them.

        Parameters
        ----------
        when_settled
            Called once, when nothing of them is under way any more: before this returns, or, where
            Kafka has not answered in time, whenever it does.

        Raises
        ------
        NotAcknowledgedError
            If they are not acknowledged. They may still come to be appended.
        """
        under_way = _UnderWay(when_settled)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(records, under_way)
                await under_way.acknowledged
        except TimeoutError:
            raise NotAcknowledgedError(
                f"Kafka has not acknowledged within {self._timeout_s:g} s"
            ) from None
        except (KafkaError, TopicError) as error:
            raise NotAcknowledgedError(f"Kafka does not take records: {_said(error)}") from error
        finally:
            under_way.complete()
            under_way.acknowledged.cancel()  # where an error has come before it

    async def _send(self, records: Iterable[Output], under_way: "_UnderWay") -> None:
        if not self.is_ready:
            log.warning("connects to Kafka anew")
            await self.open()
        producer = self._producer
        if producer is None:
            raise KafkaError("it is stopping")
        for record in records:
            topic, partitions = self._partitions[record.topic]
            partition = partition_of(record.key, partitions) if record.key else None
            under_way.add(
                await producer.send(
                    topic,
                    value=record.value,
                    key=record.key or None,
                    partition=partition,
                    headers=record.headers,
                )
            )
        under_way.complete()

    async def _found(self, producer: AIOKafkaProducer, topic: topics.Topic) -> tuple[str, int]:
        name = self._settings.topic(topic.name)
        try:
            return name, len(await producer.partitions_for(name))
        except KafkaError as error:
            raise TopicError(
                f"topic {name} cannot be written to ({_said(error)}); run `leadstream topics`"
            ) from None


class _UnderWay:
    """What is sent and not yet acknowledged of one call.

    ``acknowledged`` is done once ``complete`` was called and all is, with the first error if any.
    """

    def __init__(self, when_settled: Callable[[], None]) -> None:
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._when_settled = when_settled
        self._left = 1  # for `complete`
        self._error: BaseException | None = None
        self._is_complete = False

    def add(self, future: asyncio.Future[Any]) -> None:
        self._left += 1
        future.add_done_callback(self._one_done)

    def complete(self) -> None:
        """Say that nothing more is added."""
        if not self._is_complete:
            self._is_complete = True
            self._count_down()

    def _one_done(self, future: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        self._error = self._error or error
        self._count_down()

    def _count_down(self) -> None:
        self._left -= 1
        if self._left > 0:
            return
        self._when_settled()
        if self.acknowledged.done():  # nobody waits any more
            return
        if self._error is None:
            self.acknowledged.set_result(None)
        else:
            self.acknowledged.set_exception(
                KafkaError(f"a record was refused: {_said(self._error)}")
            )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
