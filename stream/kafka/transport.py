"""Whole batches through Faust: one delivery is what a fetch brought of one partition.

Faust hands an agent one message at a time, which costs more than the work itself. This
transport keeps Faust's membership, rebalancing and flow, and delivers a partition's records as one
batch. It differs in three more ways: consumers read committed, assignment is sticky, and offsets
are committed by whoever did the work (``stream.kafka.ownership``), not by Faust's acknowledgements.
The private names it overrides are held by ``tests/contract/test_engine_names.py``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import aiokafka
import faust
import structlog
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from stream.kafka.assignor import StickyByTopic
from stream.kafka.clients import security, ssl_context
from stream.kafka.event_loop import EventLoop
from stream.settings import Settings

FETCH_BYTES = 1 << 20
"""What one fetch brings of one partition at most, and so what may wait of it in memory."""

log = structlog.get_logger(__name__)


class Records(list[Any]):
    """What one fetch brought of one partition: a batch, delivered whole."""

    __slots__ = ("size_bytes", "tp")

    def __init__(self, tp: TP, records: Iterable[Any]) -> None:
        super().__init__(records)
        self.size_bytes = sum(len(r.value or b"") for r in self)
        self.tp = TP(tp.topic, tp.partition)  # aiokafka's own type will not do for Faust


class Owner(Protocol):
    """Who works on the partitions that this process is given."""

    async def on_revoked(self, revoked: set[TP]) -> None:
        """Finish what is under way; nothing of these is worked on until they come back."""
        ...

    async def on_assigned(self, assigned: set[TP]) -> None:
        """Take over these partitions: shut out former owners before anything is read."""
        ...


class BatchScheduler(DefaultSchedulingStrategy):  # type: ignore[misc]
    """Delivers what a fetch brought to an agent as one message: a batch for each partition.

    Faust waits for the agent after each message, several turns of a busy loop; a fetch that
    brings a little of many partitions would be slower to deliver than the next to come.

    Parameters
    ----------
    agent_of
        Names the agent that a topic in Kafka goes to.
    """

    def __init__(self, agent_of: Callable[[str], str]) -> None:
        self._agent_of = agent_of

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, list[Records]]]:
        """Yield the batches of each agent under the partition of the last of them."""
        of_agents: defaultdict[str, list[Records]] = defaultdict(list)
        for tp, found in records.items():
            if found:
                of_agents[self._agent_of(tp.topic)].append(Records(tp, found))
        for batches in of_agents.values():
            yield batches[-1].tp, batches


class BatchTopic(faust.Topic):  # type: ignore[misc]
    """A topic whose events are lists of batches, left undecoded."""

    async def decode(self, message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG002
        """Return an event whose value are the batches."""
        return faust.Event(self.app, None, message.value, None, message)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread with a consumer of our own making."""

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
        if without:
            await self.call_thread(self._seek_to_start, without)
        return committed

    async def _seek_to_start(self, partitions: Iterable[aiokafka.TopicPartition]) -> None:
        # Not seek_to_beginning, which waits for up to its timeout of 40 s. Where retention has cut
        # the beginning off, the position is out of range, and auto_offset_reset finds it.
        consumer = self._ensure_consumer()
        for partition in partitions:
            if partition in consumer.assignment():
                consumer.seek(partition, 0)

    def set_held_back(self, tp: TP, *, held_back: bool) -> None:
        """Stop fetching from a partition, or go on; what has been fetched of it still comes."""
        if self.thread_loop.is_running():
            self.thread_loop.call_soon_threadsafe(self._set_held_back, tp, held_back)

    def _set_held_back(self, tp: TP, held_back: bool) -> None:
        consumer = self._ensure_consumer()
        partition = aiokafka.TopicPartition(tp.topic, tp.partition)
        if partition in consumer.assignment():  # else it has gone, and comes back flowing
            (consumer.pause if held_back else consumer.resume)(partition)

    def behind(self) -> dict[TP, int]:
        """Return where each assigned partition stands that has committed records to be fetched."""
        consumer = self._consumer
        assignment = consumer and consumer._subscription.subscription.assignment
        if not assignment or not assignment.active:
            return {}
        found = {}
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            if state.has_valid_position and state.lso is not None and state.position < state.lso:
                found[TP(tp.topic, tp.partition)] = state.position
        return found

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


class SeekGuard:
    """Tells whether positions were sought since the last rebalance.

    Where one rebalance follows another, Faust's work on the first lets records flow in the middle
    of the second: some are thrown away, later ones are done and committed, and those in
    between are lost. So nothing may flow before a seek that began after the last rebalance.

    Examples
    --------
    >>> guard = SeekGuard()
    >>> guard.rebalance(); late = guard.begin(); guard.rebalance(); guard.end(late)
    >>> guard.has_sought
    False
    >>> guard.end(guard.begin())
    >>> guard.has_sought
    True
    """

    def __init__(self) -> None:
        self._rebalances = 0
        self.has_sought = True

    def rebalance(self) -> None:
        """Note that partitions were revoked, or assigned."""
        self._rebalances += 1
        self.has_sought = False

    def begin(self) -> int:
        """Note that a seek begins; ``end`` is to be given what this returns."""
        return self._rebalances

    def end(self, began: int) -> None:
        """Note that a seek is done; it counts if no rebalance has begun since."""
        if began == self._rebalances:
            self.has_sought = True


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, delivering batches and telling the owner of partitions first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._guard = SeekGuard()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, thread_loop=EventLoop(), beacon=self.beacon)

    def _to_message(self, tp: TP, record: list[Records]) -> ConsumerMessage:
        last = record[-1][-1]
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let work under way finish and commit before the group hears of it."""
        self._guard.rebalance()
        self.stop_flow()
        await self.app.leadstream_owner.on_revoked(set(revoked))
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Shut out former owners before Faust reads where to go on."""
        await self.app.leadstream_owner.on_assigned(set(assigned))
        self._guard.rebalance()
        await super().on_partitions_assigned(assigned, generation_id)

    def on_buffer_full(self, tp: TP) -> None:
        """Fetch no more of a partition for now.

        Faust would leave what it has fetched of it where it is; and while that lies there, aiokafka
        asks the same broker for nothing else, a tenth of a second each time.
        """
        self._thread.set_held_back(tp, held_back=True)

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch from a partition again."""
        self._thread.set_held_back(tp, held_back=False)

    async def perform_seek(self) -> None:
        """Go back to what was committed; records may flow again, unless a rebalance began."""
        began = self._guard.begin()
        await super().perform_seek()
        self._guard.end(began)

    def resume_flow(self) -> None:
        """Let records flow, once they flow from where they should."""
        if self._guard.has_sought:
            super().resume_flow()

    def behind(self) -> dict[TP, int]:
        """Return where each assigned partition stands that has committed records to be fetched."""
        found: dict[TP, int] = self._thread.behind()
        return found

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit where to go on: the offset after the last one done."""
        await asyncio.shield(self._thread.commit(offsets))


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer


def credentials(settings: Settings) -> Any:
    """Return what Faust is to show Kafka; None where nothing is asked for."""
    protocol = settings.kafka_security_protocol
    context = ssl_context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.SSLCredentials(context) if context is not None else None
