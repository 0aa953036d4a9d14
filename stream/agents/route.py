"""route: validates what senders push, finds the lead, and appends to the log."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog

from stream import metrics
from stream.kafka.ownership import Ownership
from stream.kafka.transactions import SharedProducer
from stream.kafka.transport import Records
from stream.lead.given_reasons import given_reason
from stream.lead.outputs import Origin, Output
from stream.lead.routing import Router
from stream.settings import Settings

log = structlog.get_logger(__name__)


async def route(fetches: AsyncIterator[list[Records]], ownership: Ownership) -> None:
    """Hand each batch of input to its partition's worker."""
    async for batches in fetches:
        for records in batches:
            ownership.deliver(records)


class RouteWorker:
    """All partitions of the input topics that this process owns.

    It keeps no state: after a crash it may repeat records, which ``score`` passes over
    because it knows how far it has seen each source.
    """

    role = "route"
    works_through_rebalances = True

    def __init__(
        self,
        settings: Settings,
        router: Router,
        producer: SharedProducer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._router = router
        self._producer = producer
        self._clock = clock

    async def fence(self) -> None:
        """Open the producer; a repeat does no harm, so nobody is shut out."""
        await self._producer.open()

    async def restore(self) -> None:
        """There is no state."""

    def discard(self) -> None:
        """There is no state."""

    async def process(self, records: list[Any]) -> None:
        """Route a batch, and note how far it got when all of it is acknowledged."""
        started_s = time.perf_counter()
        now_s = self._clock()
        outputs: list[Output] = []
        counts: Counter[tuple[str, str]] = Counter()
        done: dict[tuple[str, int], int] = {}
        for record in records:
            name = record.topic.removeprefix(self._settings.topic_prefix)
            origin = Origin(name, record.partition, record.offset, record.timestamp / 1000.0)
            done[record.topic, record.partition] = record.offset + 1
            try:
                reason = given_reason(record.headers)
                routed = (
                    self._router.route(record.key, record.value, origin, now_s)
                    if reason is None
                    else self._router.set_aside(record.key, record.value, origin, reason)
                )
            except Exception:
                log.exception("cannot route an event", at=origin.position)
                routed = self._router.set_aside(record.key, record.value, origin)
            counts[routed.event_type, routed.outcome] += 1
            outputs += routed.outputs
        for (event_type, outcome), count in counts.items():
            metrics.EVENTS.labels(self.role, event_type, outcome).inc(count)
            if event_type == "refused":
                metrics.DEAD_LETTERS.labels(self.role, outcome).inc(count)
        await self._producer.send(outputs, done)
        metrics.observe_batch(
            self.role,
            [r.timestamp for r in records],
            time.perf_counter() - started_s,
            self._clock(),
        )

    async def idle(self) -> None:
        """Do nothing: nothing is due."""

    async def pause(self) -> None:
        """Do nothing: there is no state."""

    async def close(self) -> None:
        """Do nothing: the producer is shared, and closed with the process."""
