"""One endpoint's part of the work: its consumer group, its lines, its attempts."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from stream import metrics
from stream.kafka.authorization import DENIED
from stream.lead.sealing import Sealer
from stream.logs import fault_of
from stream.settings import Settings
from stream.webhooks.circuit import Circuit
from stream.webhooks.decisions import Arrived, Decision, GivenUp, Waits, decide, letter, overdue
from stream.webhooks.deliveries import Delivery
from stream.webhooks.ledger import Ledger
from stream.webhooks.loading import Signed
from stream.webhooks.reading import Reading
from stream.webhooks.schedule import GIVE_UP_AFTER_S
from stream.webhooks.sender import Sender
from stream.webhooks.signing import signed_headers
from stream.webhooks.standing import Standing
from stream.webhooks.waiting_line import WaitingLine

log = structlog.get_logger(__name__)

LEAVE_S = 5.0
"""What is under way has so long to end before its partition is let go."""
LOOK_EVERY_S = 1.0
COMMIT_EVERY_S = 1.0


class Courier(ConsumerRebalanceListener):  # type: ignore[misc]
    """Delivers to one endpoint, of the partitions that this process has of it.

    Parameters
    ----------
    writer
        Names this process in what the ledger writes.
    clock
        Returns epoch seconds.
    chance
        Returns numbers in [0, 1).
    """

    def __init__(
        self,
        settings: Settings,
        signed: Signed,
        ledger: Ledger,
        standing: Standing,
        writer: str,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = signed.endpoint
        self._keys = signed.keys
        self._sealer: Sealer = settings.sealer()
        self._sender = Sender(signed.endpoint, clock)
        self._ledger = ledger
        self._standing = standing
        self._clock = clock
        self._chance = chance
        self._reading = Reading(settings, signed.endpoint, writer)
        self._circuit = Circuit()
        self._attempts = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_ready(self) -> bool:
        """Whether it knows its partitions, and what waits in them."""
        return self._reading.is_ready

    def wake(self) -> None:
        """Look again at what can be sent."""
        self._wake.set()

    def observe(self) -> None:
        """Bring its gauges up to date."""
        name, now_s = self.endpoint.name, self._clock()
        lines = self._reading.lines.values()
        oldest_s = min((o for line in lines if (o := line.oldest_s()) is not None), default=now_s)
        metrics.WEBHOOK_WAITING.labels(name).set(sum(line.size for line in lines))
        metrics.WEBHOOK_OLDEST_WAITING_SECONDS.labels(name).set(max(0.0, now_s - oldest_s))
        metrics.WEBHOOK_DISABLED.labels(name).set(self._standing.is_disabled(name))

    async def run(self) -> None:
        """Deliver until it is cancelled.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka denies what it needs, or does not answer at the start.
        """
        working: list[asyncio.Future[Any]] = [self._failed]
        try:
            await self._reading.open(self)
            working += [
                asyncio.ensure_future(w) for w in (self._read(), self._dispatch(), self._commit())
            ]
            await asyncio.gather(*working)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            await self._let_go()
            await self._reading.close()
            await self._sender.close()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """End what is under way, before others may begin with it."""
        await self._let_go()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """Look what waits in the new partitions."""
        self._reading.has_new_partitions = True

    async def _let_go(self) -> None:
        lines = self._reading.take_lines()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=LEAVE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._commit_lines(lines)

    async def _read(self) -> None:
        while True:
            try:
                await self._reading.read()
            except DENIED:
                raise
            except KafkaError as error:
                log.warning("cannot read Kafka, tries again", error=fault_of(error))
                await asyncio.sleep(LOOK_EVERY_S)
            self._wake.set()

    async def _commit(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self._commit_lines(self._reading.lines)

    async def _commit_lines(self, lines: dict[int, WaitingLine]) -> None:
        try:
            await self._reading.commit(lines)
        except (CommitFailedError, IllegalStateError):
            pass  # the partitions are another's by now, who reads again what was not committed
        except KafkaError as error:
            log.warning("cannot commit, tries again", error=fault_of(error))

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            now_s = self._clock()
            self._store_blocked()
            due_s = self._send_due(now_s)
            wait_s = LOOK_EVERY_S if due_s is None else min(max(due_s - now_s, 0.0), LOOK_EVERY_S)
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _send_due(self, now_s: float) -> float | None:
        """Begin with what is due; return when to look again, where that is known."""
        lines = self._reading.lines
        if self._standing.is_disabled(self.endpoint.name):
            self._give_up_overdue(lines, now_s)
            return None
        while self._attempts < self.endpoint.in_flight:
            if not self._circuit.allows(now_s, self._attempts):
                self._give_up_overdue(lines, now_s)
                return self._circuit.open_until_s if self._attempts == 0 else None
            due = [
                (at_s, n) for n, line in lines.items() if (at_s := line.next_due_s()) is not None
            ]
            if not due or min(due)[0] > now_s:
                return min(due)[0] if due else None
            line = lines[min(due)[1]]
            delivery, is_kept = line.take()
            self._attempts += 1
            self._begin(self._attempt(line, delivery, is_kept))
        return None

    def _store_blocked(self) -> None:
        for line in self._reading.lines.values():
            for delivery in line.blocked():
                self._begin(self._follow(line, delivery, Waits(delivery), is_kept=False))

    def _give_up_overdue(self, lines: dict[int, WaitingLine], now_s: float) -> None:
        for line in lines.values():
            for delivery, is_kept in line.overdue(now_s - GIVE_UP_AFTER_S):
                self._begin(self._follow(line, delivery, overdue(delivery), is_kept=is_kept))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    async def _attempt(self, line: WaitingLine, delivery: Delivery, is_kept: bool) -> None:
        name = self.endpoint.name
        try:
            headers = {
                **delivery.headers,
                **signed_headers(self._keys, delivery.webhook_id, self._clock(), delivery.body),
            }
            started_s = time.perf_counter()
            answer = await self._sender.post(headers, delivery.body)
            metrics.WEBHOOK_SECONDS.labels(name).observe(time.perf_counter() - started_s)
        finally:
            self._attempts -= 1
        metrics.WEBHOOK_ATTEMPTS.labels(name, answer.outcome).inc()
        now_s = self._clock()
        was_open = self._circuit.is_open
        self._circuit = self._circuit.after(answer, now_s, self._chance())
        if self._circuit.is_open != was_open:
            state = "is down, left alone" if self._circuit.is_open else "is up again"
            log.warning(f"endpoint {state}", endpoint=name, answer=answer.words)
        decision = decide(delivery, answer, now_s, self._chance(), has_room=line.has_room_to_keep)
        await self._follow(line, delivery, decision, is_kept=is_kept)

    async def _follow(
        self, line: WaitingLine, delivery: Delivery, decision: Decision, *, is_kept: bool
    ) -> None:
        """Write down what was decided, then act on it: a crash in between repeats, never loses."""
        match decision:
            case Waits(waiting, disables):
                if disables:
                    self._standing.disable(self.endpoint.name)
                    log.warning("endpoint is gone, disabled", endpoint=self.endpoint.name)
                    await self._ledger.disable(self.endpoint.name, self._clock())
                await self._ledger.keep(waiting)
                line.put_back(waiting)
                return
            case GivenUp():
                metrics.DEAD_LETTERS.labels("deliver", "undelivered").inc()
                await self._ledger.tell(letter(self._sealer, decision, self._clock()))
            case Arrived():
                pass
        if is_kept:
            await self._ledger.drop(delivery)
        line.remove(delivery.webhook_id)
