"""What an endpoint's consumer group brings: its lines, what waits in them, and how far it is."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from schemas import topics
from stream.kafka.clients import new_member
from stream.lead.outputs import decode_key
from stream.settings import Settings
from stream.webhooks.deliveries import Delivery, Source, of_record, of_stored
from stream.webhooks.endpoints import Endpoint
from stream.webhooks.ledger import WRITER
from stream.webhooks.waiting_line import WaitingLine

log = structlog.get_logger(__name__)

SOURCES: Mapping[str, tuple[str, ...]] = {
    topics.NURTURE_TRIGGERS.name: ("nurture_triggered",),
    topics.LEAD_SCORES.name: ("score_changed", "segment_changed"),
}
"""Topic -> the messages in it that endpoints may ask for."""
FETCH_BYTES = 256 << 10
WAIT_MS = 200
IDLE_S = 0.1


def group_of(settings: Settings, endpoint: str) -> str:
    """Return the consumer group of an endpoint."""
    return f"{settings.app_id}-webhooks-{endpoint}"


def sources_of(endpoint: Endpoint) -> list[str]:
    """Return the topics that hold the messages of an endpoint."""
    return [topic for topic, kinds in SOURCES.items() if set(kinds).intersection(endpoint.messages)]


class Reading:
    """Reads the topics of one endpoint, as one of its consumer group.

    A partition of ``webhook-deliveries`` holds what waits of the partitions of the same number:
    the range assignor gives them to the same member. It is read from its beginning, and followed:
    a replayed dead letter is put there.

    Parameters
    ----------
    writer
        Names this process: what it wrote there itself is known.
    """

    def __init__(self, settings: Settings, endpoint: Endpoint, writer: str) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._writer = writer.encode()
        self._names = {settings.topic(name): name for name in sources_of(endpoint)}
        self._stored = settings.topic(topics.WEBHOOK_DELIVERIES.name)
        self._consumer: Any = None
        self._restoring: dict[int, int] = {}
        self._stored_ends: dict[int, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self.lines: dict[int, WaitingLine] = {}
        self.has_new_partitions = False
        self.is_ready = False

    async def open(self, listener: ConsumerRebalanceListener) -> None:
        """Join the group."""
        group = group_of(self._settings, self._endpoint.name)
        self._consumer = new_member(self._settings, group, FETCH_BYTES)
        self._consumer.subscribe([*self._names, self._stored], listener=listener)
        await self._consumer.start()

    async def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            await self._consumer.stop()

    def take_lines(self) -> dict[int, WaitingLine]:
        """Return the lines of partitions that are let go, and know them no longer."""
        lines, self.lines = self.lines, {}
        self._restoring = {}
        self.is_ready = False
        return lines

    async def commit(self, lines: Mapping[int, WaitingLine]) -> None:
        """Commit how far lines are done."""
        offsets = {
            TopicPartition(self._settings.topic(topic), number): offset
            for number, line in lines.items()
            for topic, offset in line.committable().items()
        }
        if offsets and offsets != self._committed:
            await self._consumer.commit(offsets)
            self._committed = offsets

    async def read(self) -> None:
        """Take in what has come, within a moment."""
        if self.has_new_partitions:
            try:
                await self._take_over()
            except IllegalStateError:  # they are gone again
                return
            except KafkaError:
                self.has_new_partitions = True
                raise
        wanted = list(self._wanted())
        if not wanted:
            await asyncio.sleep(IDLE_S)
            return
        found = await self._consumer.getmany(
            *wanted, timeout_ms=min(WAIT_MS, self._settings.fetch_max_wait_ms), max_records=500
        )
        for where, records in found.items():
            line = self.lines.get(where.partition)
            if line is None:
                continue  # it is another's by now
            for record in records:
                if where.topic == self._stored:
                    self._take_in_stored(line, record)
                else:
                    self._take_in(line, self._names[where.topic], record)
        await self._end_restoring()

    def _wanted(self) -> Iterator[TopicPartition]:
        for number, line in self.lines.items():
            yield TopicPartition(self._stored, number)
            if number not in self._restoring and line.has_room:
                yield from (TopicPartition(name, number) for name in self._names)

    async def _take_over(self) -> None:
        """Begin with the partitions that this process has now."""
        self.has_new_partitions = False
        self._committed = {}
        consumer, assigned = self._consumer, self._consumer.assignment()
        sources = [tp for tp in assigned if tp.topic in self._names]
        stored = [tp for tp in assigned if tp.topic == self._stored]
        positions = {tp: await consumer.committed(tp) for tp in sources}
        new = [tp for tp, offset in positions.items() if offset is None]
        if new:
            # An endpoint begins with what comes from now on; that is written down at once.
            begin = await consumer.end_offsets(new)
            await consumer.commit(begin)
            positions |= begin
        ends = await consumer.end_offsets(stored) if stored else {}
        if self.has_new_partitions:
            return
        for tp in stored:
            # Not seek_to_beginning, which waits; where the beginning was cut off, that is found.
            consumer.seek(tp, 0)
            self._restoring[tp.partition] = self._stored_ends[tp.partition] = ends[tp]
            self.lines[tp.partition] = WaitingLine(
                {
                    self._names[s.topic]: p
                    for s, p in positions.items()
                    if s.partition == tp.partition
                },
                keeps_order=self._endpoint.order == "lead",
            )
        for tp, position in positions.items():
            consumer.seek(tp, position)
        self.is_ready = not self._restoring  # there may be more processes than partitions

    async def _end_restoring(self) -> None:
        for number, end in list(self._restoring.items()):
            where = TopicPartition(self._stored, number)
            try:
                is_read = await self._consumer.position(where) >= end
            except IllegalStateError:
                return
            if is_read and self._restoring.pop(number, None) is not None:
                self.lines[number].restored()
        self.is_ready = not self._restoring

    def _take_in(self, line: WaitingLine, topic: str, record: Any) -> None:
        source = Source(topic, record.partition, record.offset)
        try:
            delivery = self._delivery_of(source, record)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.warning("a record is none of leadstream's outputs, passed over", **source._asdict())
            delivery = None
        if delivery is None:
            line.pass_over(topic, record.offset)
        else:
            line.read(delivery)

    def _delivery_of(self, source: Source, record: Any) -> Delivery | None:
        """Return what is sent to the endpoint of a record; None where nothing is."""
        headers = dict(record.headers)
        kind = headers["ce_type"].decode().removeprefix("leadstream.")
        if kind not in self._endpoint.messages:
            return None
        if not self._endpoint.takes(orjson.loads(record.value)):
            return None
        name, received_s = self._endpoint.name, record.timestamp / 1000.0
        return of_record(name, source, record.key, record.value, headers, received_s)

    def _take_in_stored(self, line: WaitingLine, record: Any) -> None:
        is_live = record.offset >= self._stored_ends.get(record.partition, 0)
        if is_live and dict(record.headers).get(WRITER) == self._writer:
            return
        endpoint, _, webhook_id = decode_key(record.key).partition("/")
        if endpoint != self._endpoint.name:
            return
        if record.value is None:
            line.forget(webhook_id)
            return
        try:
            delivery = of_stored(record.value)
        except ValueError:
            log.warning("a record of webhook-deliveries is none of this release, passed over")
            return
        if delivery.source.topic in self._names.values():
            line.restore(delivery)
