"""One after another: a worker, the batches waiting for it, and the task that does them."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from aiokafka.errors import ProducerFenced
from faust.types import TP

from stream import metrics
from stream.kafka.transport import Records
from stream.logs import fault_of

log = structlog.get_logger(__name__)

FULL_BATCHES = 4
"""Batches waiting for one partition's worker before no more of that partition is fetched."""
FULL_BYTES = 2 << 20
"""The same in bytes: what waits is lag in Kafka, not memory here."""
FEW_BATCHES = 2
"""Batches left when more are fetched: the request under way has to end first."""
MAX_BATCH_RECORDS = 500
IDLE_S = 0.2
ATTEMPTS = 5


class Worker(Protocol):
    """What a role does with a partition, or with all partitions of its topics."""

    role: str

    @property
    def works_through_rebalances(self) -> bool:
        """Whether a new owner shuts this one out, or a repeat does no harm."""
        ...

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


class Lane:
    """A worker, the batches that wait for it, and the task that does them in order.

    Parameters
    ----------
    turns
        Shared by the lanes of a role: who waits for its turn gathers more meanwhile, so that
        load makes transactions larger instead of more.
    retake_s
        Who was shut out, and is told nothing else by the group for so long, shuts the other out:
        of two rebalances close together the former's owner may have come last.
    """

    def __init__(
        self,
        name: str,
        worker: Worker,
        flow: Callable[[], Flow],
        turns: asyncio.Semaphore,
        retake_s: float,
    ) -> None:
        self.name = name
        self.worker = worker
        self._flow = flow
        self._turns = turns
        self._retake_s = retake_s
        self._waiting: deque[Records] = deque()
        self._wake: asyncio.Future[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._told = asyncio.Event()
        self.is_restored = False
        self._since_s: float | None = None
        self._waiting_of: Counter[TP] = Counter()
        self._bytes_of: Counter[TP] = Counter()
        self._full: set[TP] = set()

    def put(self, records: Records) -> None:
        """Queue a batch; its partition is not fetched from while several wait."""
        self._waiting.append(records)
        tp = records.tp
        self._waiting_of[tp] += 1
        self._bytes_of[tp] += records.size_bytes
        self._wake_up()
        is_much = self._waiting_of[tp] >= FULL_BATCHES or self._bytes_of[tp] >= FULL_BYTES
        if is_much:
            # Said each time: a rebalance lets all partitions flow, those that stay included.
            self._full.add(tp)
            self._flow().on_buffer_full(tp)

    def silence_s(self, now_s: float) -> float:
        """Return how long (monotonic seconds) the piece of work under way has taken.

        A restore does not count: reading back has a deadline of its own.
        """
        return 0.0 if self._since_s is None else now_s - self._since_s

    def is_full(self, tp: TP) -> bool:
        """Tell whether a partition is held back because enough of it waits."""
        return tp in self._full

    @property
    def is_running(self) -> bool:
        """Whether its task is at work."""
        return self._task is not None and not self._task.done()

    def clear(self) -> None:
        """Let go of what waits: it will be fetched again by whoever comes next."""
        self._waiting.clear()
        self._waiting_of.clear()
        self._bytes_of.clear()
        self._full.clear()

    async def start(self, on_crash: Callable[[BaseException], None]) -> None:
        """Shut out a former owner, then restore and work in the background."""
        self._stopping = False
        self.clear()
        await self.worker.fence()
        self._task = asyncio.create_task(self._run(), name=self.name)

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                on_crash(error)

        self._task.add_done_callback(done)

    def keep(self) -> None:
        """Hear from the group that the partition is still this process's."""
        self._told.set()

    async def pause(self) -> None:
        """Finish the batch under way."""
        self._stopping, self.is_restored = True, False
        self._told.set()
        self._since_s = None
        self.clear()
        self._wake_up()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                await self.worker.pause()

    async def close(self) -> None:
        """Finish and let go; what cannot be finished is finished by whoever comes next."""
        try:
            await self.pause()
        except ProducerFenced:
            log.info("let go of a partition that another process owns", lane=self.name)
        except Exception as error:
            log.warning("let go of unfinished work", lane=self.name, error=fault_of(error))
        await self.worker.close()

    async def _run(self) -> None:
        await self._see_through(self.worker.restore)
        while not self._stopping:
            if not self._waiting:
                if not await self._is_woken():
                    await self._see_through(self.worker.idle)
                continue
            async with self._turns:
                records = self._next()
                is_done = not records or await self._attempt(self._work(records))
            if not is_done:
                await self._see_through(self._work(records), is_shut_out=True)

    async def _is_woken(self) -> bool:
        """Wait for records; return False when none have come for ``IDLE_S``.

        A future of one's own: ``wait_for`` makes a task, which takes two more turns of the loop.
        """
        loop = asyncio.get_running_loop()
        wake: asyncio.Future[bool] = loop.create_future()
        self._wake = wake
        timer = loop.call_later(IDLE_S, _resolve, wake, False)
        try:
            return await wake
        finally:
            timer.cancel()
            self._wake = None

    def _wake_up(self) -> None:
        if self._wake is not None:
            _resolve(self._wake, True)

    def _next(self) -> list[Any]:
        """Take what waits as one batch."""
        records: list[Any] = []
        size_bytes = 0
        while self._waiting and len(records) < MAX_BATCH_RECORDS and size_bytes < FULL_BYTES:
            batch = self._waiting.popleft()
            records += batch
            size_bytes += batch.size_bytes
            tp = batch.tp
            self._waiting_of[tp] -= 1
            self._bytes_of[tp] -= batch.size_bytes
            is_little = self._waiting_of[tp] <= FEW_BATCHES and self._bytes_of[tp] < FULL_BYTES
            if tp in self._full and is_little:
                self._full.discard(tp)
                self._flow().on_buffer_drop(tp)
        return records

    async def _see_through(
        self, work: Callable[[], Awaitable[None]], *, is_shut_out: bool = False
    ) -> None:
        """Do a piece of work; who is shut out does it when the group lets the partition be his."""
        while not self._stopping:
            if is_shut_out:
                self._told.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._told.wait(), self._retake_s)
                if self._stopping:
                    return
                log.warning("the group lets it be ours: taking it back", lane=self.name)
            if await self._attempt(work, anew=is_shut_out):
                return
            is_shut_out = True

    async def _attempt(self, work: Callable[[], Awaitable[None]], *, anew: bool = False) -> bool:
        """Do a piece of work, again from what was committed if it fails; False when shut out."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if anew or attempt > 1:
                    await self.worker.fence()
                    await self.worker.restore()
                self._since_s = time.monotonic() if self.is_restored else None
                await work()
            except ProducerFenced:
                self.is_restored = False  # its silence goes on until the group has decided
                self.worker.discard()
                log.warning(
                    "another process owns this partition now; waiting for the group to say so",
                    lane=self.name,
                )
                return False
            except Exception as error:
                self.worker.discard()
                if attempt == ATTEMPTS or self._stopping:
                    raise
                metrics.RETRIES.labels(self.worker.role).inc()
                log.warning(
                    "batch taken back, will be done again",
                    lane=self.name,
                    attempt=attempt,
                    error=fault_of(error),
                )
                await asyncio.sleep(0.2 * 2**attempt)
            else:
                self._since_s = None
                self.is_restored = not self._stopping
                return True
        return False

    def _work(self, records: list[Any]) -> Callable[[], Awaitable[None]]:
        return lambda: self.worker.process(records)


def _resolve(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)
