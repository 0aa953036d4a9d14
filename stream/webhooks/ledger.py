"""What deliverers write to Kafka: what waits, what is done, dead letters, disabled endpoints."""

import asyncio
from collections.abc import Sequence

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import topics
from stream.kafka.authorization import DENIED
from stream.kafka.clients import new_producer
from stream.kafka.transactions import ToSend, addressed, append, has_given_up
from stream.lead.outputs import Output, rfc3339
from stream.logs import fault_of
from stream.settings import Settings
from stream.webhooks.deliveries import Delivery

log = structlog.get_logger(__name__)

WRITER = "writer"
"""Header of records of ``webhook-deliveries``: which process wrote it."""
AGAIN_S = 1.0


class Ledger:
    """Appends records until Kafka has them: what is not written down would be lost.

    Parameters
    ----------
    writer
        Names this process in the records that it writes.
    """

    def __init__(self, settings: Settings, writer: str) -> None:
        self._settings = settings
        self._writer = writer
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Connect, anew where the producer has given up for good.

        Raises
        ------
        aiokafka.errors.KafkaConnectionError
            If Kafka does not answer.
        """
        async with self._opening:
            if self._producer is not None and not has_given_up(self._producer):
                return
            await self.close()
            producer = new_producer(self._settings)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer

    async def close(self) -> None:
        """Let go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def keep(self, delivery: Delivery) -> None:
        """Store a message that waits."""
        await self._write([self._stored(delivery, delivery.stored())])

    async def drop(self, delivery: Delivery) -> None:
        """Store that a message waits no longer."""
        await self._write([self._stored(delivery, None)])

    async def tell(self, letter: Output) -> None:
        """Append a dead letter."""
        await self._write([letter])

    async def disable(self, endpoint: str, now_s: float) -> None:
        """Store that an endpoint is sent nothing more."""
        body = {
            "type": "webhook_disabled",
            "endpoint": endpoint,
            "disabled_at": rfc3339(now_s),
        }
        await self._write_standing(endpoint, orjson.dumps(body))

    async def enable(self, endpoint: str) -> None:
        """Store that an endpoint is sent messages again."""
        await self._write_standing(endpoint, None)

    async def _write_standing(self, endpoint: str, value: bytes | None) -> None:
        name = self._settings.topic(topics.WEBHOOK_ENDPOINTS.name)
        await self._write([(name, 0, endpoint.encode(), value, [])])

    def _stored(self, delivery: Delivery, value: bytes | None) -> ToSend:
        name = self._settings.topic(topics.WEBHOOK_DELIVERIES.name)
        headers = [(WRITER, self._writer.encode())]
        return name, delivery.source.partition, delivery.key, value, headers

    async def _write(self, records: Sequence[ToSend | Output]) -> None:
        while True:
            try:
                await self.open()
                producer = self._ready()
                await append(producer, [await self._placed(producer, r) for r in records])
            except DENIED:
                raise
            except KafkaError as error:
                log.warning("cannot write to Kafka, tries again", error=fault_of(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the ledger is closed")
        return self._producer

    async def _placed(self, producer: AIOKafkaProducer, record: ToSend | Output) -> ToSend:
        if not isinstance(record, Output):
            return record
        (placed,) = await addressed(producer, self._settings, [record])
        return placed
