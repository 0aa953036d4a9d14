"""The partitions that this process owns: one worker each, side by side, kept over rebalances."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from aiokafka.errors import ProducerFenced
from faust.types import TP

from stream import metrics
from stream.kafka.transport import Records

log = structlog.get_logger(__name__)

FULL_BATCHES = 4
"""Batches waiting for one partition's worker before no more of that partition is fetched."""
IDLE_S = 0.2
ATTEMPTS = 5


class Worker(Protocol):
    """What a role does with one partition."""

    role: str

    async def fence(self) -> None:
        """Shut out a former owner; quick, since the whole group waits for it."""
        ...

    async def restore(self) -> None:
        """Bring the state to what was committed; what is known to be current stays."""
        ...

    def discard(self) -> None:
        """Forget the state: it may hold what was never committed."""
        ...

    async def process(self, records: list[Any]) -> None:
        """Do a batch and commit it; records done before are passed over."""
        ...

    async def idle(self) -> None:
        """Do what is due while no records come."""
        ...

    async def pause(self) -> None:
        """Keep the state for when the partition comes back."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class Flow(Protocol):
    """Holds a partition's fetching back and lets it go on (Faust's consumer)."""

    def on_buffer_full(self, tp: TP) -> None: ...  # noqa: D102
    def on_buffer_drop(self, tp: TP) -> None: ...  # noqa: D102


class _Lane:
    """One partition's worker, its waiting batches and the task that does them."""

    def __init__(self, tp: TP, worker: Worker, flow: Callable[[], Flow]) -> None:
        self.tp = tp
        self.worker = worker
        self._flow = flow
        self._waiting: deque[Records] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._full = False

    def put(self, records: Records) -> None:
        self._waiting.append(records)
        self._wake.set()
        if len(self._waiting) >= FULL_BATCHES and not self._full:
            self._full = True
            self._flow().on_buffer_full(self.tp)

    async def start(self, on_crash: Callable[[BaseException], None]) -> None:
        self._stopping, self._full = False, False
        self._waiting.clear()
        await self.worker.fence()
        self._task = asyncio.create_task(self._run(), name=f"{self.tp.topic}-{self.tp.partition}")

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                on_crash(error)

        self._task.add_done_callback(done)

    async def pause(self) -> None:
        """Finish the batch under way; what waits will be fetched again by whoever comes next."""
        self._stopping = True
        self._waiting.clear()
        self._wake.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                await self.worker.pause()

    async def close(self) -> None:
        await self.pause()
        await self.worker.close()

    async def _run(self) -> None:
        if not await self._attempt(self.worker.restore):
            return
        while not self._stopping:
            if not self._waiting:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), IDLE_S)
                except TimeoutError:
                    if not await self._attempt(self.worker.idle):
                        return
                continue
            records = self._waiting.popleft()
            if self._full and len(self._waiting) <= 1:
                self._full = False
                self._flow().on_buffer_drop(self.tp)
            if not await self._attempt(lambda batch=records: self.worker.process(batch)):
                return

    async def _attempt(self, work: Callable[[], Any]) -> bool:
        """Do a piece of work, again from what was committed if it fails; False when fenced."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if attempt > 1:
                    await self.worker.fence()
                    await self.worker.restore()
                await work()
            except ProducerFenced:
                self.worker.discard()
                log.warning(
                    "another process owns this partition now; waiting for the group to say so",
                    topic=self.tp.topic,
                    partition=self.tp.partition,
                )
                return False
            except Exception as error:
                self.worker.discard()
                if attempt == ATTEMPTS or self._stopping:
                    raise
                metrics.RETRIES.labels(self.worker.role).inc()
                log.warning(
                    "batch taken back, will be done again",
                    topic=self.tp.topic,
                    partition=self.tp.partition,
                    attempt=attempt,
                    error=repr(error),
                )
                await asyncio.sleep(0.2 * 2**attempt)
            else:
                return True
        return False


class Ownership:
    """Gives each owned partition a worker, and batches to the worker of their partition.

    Parameters
    ----------
    make
        Topic in Kafka -> makes the worker of one of its partitions.
    flow
        Returns what holds fetching back.
    on_crash
        Told when a worker gave up: the process should end, so that another takes over.
    """

    def __init__(
        self,
        make: Mapping[str, Callable[[int], Worker]],
        flow: Callable[[], Flow],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._make = make
        self._flow = flow
        self._on_crash = on_crash
        self._lanes: dict[TP, _Lane] = {}
        self._paused: dict[TP, _Lane] = {}
        self._assigned = asyncio.Event()

    @property
    def is_assigned(self) -> bool:
        """Whether the group has given this process its share."""
        return self._assigned.is_set()

    def workers(self, role: str) -> list[Worker]:
        """Return the workers at work in a role."""
        return [lane.worker for lane in self._lanes.values() if lane.worker.role == role]

    def deliver(self, records: Records) -> None:
        """Hand a batch to its partition's worker; dropped if the partition has just gone."""
        lane = self._lanes.get(records.tp)
        if lane is not None:
            lane.put(records)

    async def on_revoked(self, revoked: set[TP]) -> None:
        """Pause: a partition that comes back keeps its worker and its state."""
        self._assigned.clear()
        going = [self._lanes.pop(tp) for tp in revoked if tp in self._lanes]
        await asyncio.gather(*(lane.pause() for lane in going))
        self._paused |= {lane.tp: lane for lane in going}

    async def on_assigned(self, assigned: set[TP]) -> None:
        """Take over; what was paused and went elsewhere is let go."""
        gone = [lane for tp, lane in self._paused.items() if tp not in assigned]
        await asyncio.gather(*(lane.close() for lane in gone))
        lanes = {}
        for tp in assigned:
            if tp.topic in self._make:
                lanes[tp] = self._paused.get(tp) or _Lane(
                    tp, self._make[tp.topic](tp.partition), self._flow
                )
        self._paused = {}
        starting = [lane for tp, lane in lanes.items() if tp not in self._lanes]
        await asyncio.gather(*(lane.start(self._on_crash) for lane in starting))
        self._lanes |= lanes
        self._assigned.set()

    async def close(self) -> None:
        """Finish and let go of everything."""
        lanes = [*self._lanes.values(), *self._paused.values()]
        self._lanes, self._paused = {}, {}
        await asyncio.gather(*(lane.close() for lane in lanes))
