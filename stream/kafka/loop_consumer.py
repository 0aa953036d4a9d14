"""Faust's consumer, on the worker's own event loop and configured as leadstream needs it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import aiokafka
import structlog
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import maybe_async

from stream.kafka.assignor import StickyByTopic
from stream.kafka.clients import security
from stream.settings import Settings

FETCH_BYTES = 1 << 20
"""What one fetch brings of one partition at most, and so what may wait of it in memory."""

log = structlog.get_logger(__name__)


class LoopConsumer(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread without the thread, with a consumer of our own making.

    Two threads that both run Python wait for one another at every step: reading Kafka in a thread
    of its own costs more than it gains. On the worker's own loop heartbeats end with the work.
    """

    wait_for_shutdown = False

    async def start(self) -> None:
        """Start on the loop that is running."""
        self._thread_started.set()
        await self._default_start()

    async def on_stop(self) -> None:
        """Leave the group."""
        await self.on_thread_stop()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def call_thread(
        self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
    ) -> Any:
        """Call what Faust would have called in its thread."""
        return await maybe_async(fun(*args, **kwargs))

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002
        settings: Settings = self.app.leadstream_settings
        self._assignor = StickyByTopic()
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap,
            client_id=settings.app_id,
            group_id=settings.app_id,
            partition_assignment_strategy=[self._assignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=settings.max_poll_records,
            max_partition_fetch_bytes=FETCH_BYTES,  # a larger record comes all the same
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            # A restore of a million states is no sign of death; heartbeats tell that.
            max_poll_interval_ms=600_000,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            rebalance_timeout_ms=int(settings.session_timeout_s * 1000),
            # Who hears of a rebalance last keeps everybody waiting.
            heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 10),
            request_timeout_ms=int(max(40.0, 2 * settings.session_timeout_s) * 1000),
            metadata_max_age_ms=30_000,
            **security(settings),
        )

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go on where was committed, or at the beginning where nothing was.

        Faust leaves the latter where they are; what a fetch under way in a rebalance had brought
        of them, and the rebalance has thrown away, would be passed over.
        """
        committed: Mapping[TP, int] = await super().seek_to_committed()
        without = [tp for tp, offset in committed.items() if not offset or offset < 0]
        self._seek_to_start(without)
        return committed

    def _seek_to_start(self, partitions: Iterable[aiokafka.TopicPartition]) -> None:
        # Not seek_to_beginning, which waits for up to its timeout of 40 s. Where retention has cut
        # the beginning off, the position is out of range, and auto_offset_reset finds it.
        consumer = self._ensure_consumer()
        for partition in partitions:
            if partition in consumer.assignment():
                consumer.seek(partition, 0)

    def set_held_back(self, tp: TP, *, held_back: bool) -> None:
        """Stop fetching from a partition, or go on; what has been fetched of it still comes."""
        consumer = self._ensure_consumer()
        partition = aiokafka.TopicPartition(tp.topic, tp.partition)
        if partition in consumer.assignment():  # else it has gone, and comes back flowing
            (consumer.pause if held_back else consumer.resume)(partition)

    def behind(self) -> dict[TP, int]:
        """Return where each assigned partition stands that has committed records to be fetched."""
        return {tp: position for tp, position, end in self._standing() if position < end}

    def lag(self) -> dict[TP, int]:
        """Return how many committed records of each assigned partition are to be fetched.

        As of the last fetch; transaction marks count too, so it is at most a little too large.
        """
        return {tp: max(0, end - position) for tp, position, end in self._standing()}

    def _standing(self) -> Iterator[tuple[TP, int, int]]:
        """Yield where each assigned partition stands, and where its committed records end."""
        consumer = self._consumer
        assignment = consumer and consumer._subscription.subscription.assignment
        if not assignment or not assignment.active:
            return
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            if state.has_valid_position and state.lso is not None:
                yield TP(tp.topic, tp.partition), state.position, state.lso

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit what is still assigned; what cannot be will be done again, which changes nothing.

        Faust would end the process where another member has these partitions by now.
        """
        consumer = self._ensure_consumer()
        mine = {
            aiokafka.TopicPartition(tp.topic, tp.partition): offset
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        try:
            if mine:
                await consumer.commit(mine)
        except KafkaError as error:
            log.info("offsets not committed", error=type(error).__name__)
            return False
        return True
