"""Whole batches through Faust: one delivery is what a fetch brought of one partition.

Faust hands an agent one message at a time, which costs more than the work itself. This
transport keeps Faust's membership, rebalancing and flow, and delivers a partition's records as one
batch. Its consumer runs without a thread, reads committed and shares partitions out by a sticky
assignment (``stream.kafka.loop_consumer``); offsets are committed by whoever did the work
(``stream.kafka.ownership``), not by Faust's acknowledgements. The private names that both override
are held by ``tests/contract/test_engine_names.py``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import faust
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from stream.kafka.clients import ssl_context
from stream.kafka.loop_consumer import LoopConsumer
from stream.settings import Settings


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


class NothingRead(dict[TP, int | None]):
    """Says of each partition that nothing of it was read.

    Faust throws away a message from before where it believes it has read to; where two seeks run
    side by side it can believe what only one of them found. Of ours, which hold the records of
    several partitions, it would judge all by the last: the others would be lost. Repeats
    do no harm here.

    Examples
    --------
    >>> read = NothingRead()
    >>> read.update({TP("topic", 0): 36})
    >>> read[TP("topic", 0)] is None
    True
    """

    def __getitem__(self, tp: TP) -> None:
        """Return None."""


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, delivering batches and telling the owner of partitions first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._guard = SeekGuard()
        super().__init__(*args, **kwargs)
        self._read_offset = NothingRead()

    def _new_consumer_thread(self) -> LoopConsumer:
        return LoopConsumer(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

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

    def lag(self) -> dict[TP, int]:
        """Return how many committed records of each assigned partition are to be fetched."""
        found: dict[TP, int] = self._thread.lag()
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
