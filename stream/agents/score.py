"""score: folds a partition of the log into lead states, and sends what they decide."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

import orjson
import structlog

from schemas import topics
from stream import metrics
from stream.kafka.clients import read_batches
from stream.kafka.ownership import Ownership
from stream.kafka.transactions import PartitionProducer, ToSend
from stream.kafka.transport import Records
from stream.lead.enrolment import TASK as UPLIFT
from stream.lead.house import House
from stream.lead.labels import tasks_of
from stream.lead.learned_segments import MODEL as SEGMENTS
from stream.lead.outputs import Output, encode_key
from stream.lead.partition import Partition
from stream.lead.records import Batch
from stream.lead.segment_changes import KINDS as SEGMENT_KINDS
from stream.lead.topics_in_use import MODEL as TOPICS
from stream.lead.transitions import TASK as NEXT_ACTION
from stream.lead.worth import DEAL_MODEL as DEAL_VALUE
from stream.lead.worth import MODEL as LIFETIME_VALUE
from stream.models import SnapshotStore
from stream.settings import Settings

log = structlog.get_logger(__name__)

USE_MODEL_INTERVAL_S = 0.5
EVENT_CLOCK_LAG_S = 60.0
"""An idle partition's log may be this far behind the others' event time."""


async def score(fetches: AsyncIterator[list[Records]], ownership: Ownership) -> None:
    """Hand each batch of the log to its partition's worker."""
    async for batches in fetches:
        for records in batches:
            ownership.deliver(records)


class ScoreWorker:
    """One partition of ``lead-events``: its lead states, its outputs, its place in the log.

    Parameters
    ----------
    latest_s
        The furthest time of any log that this process folds: idle partitions of replayed
        logs follow it.
    fetch_snapshots
        Brings the store of models up to what is in Kafka now.
    clock
        The wall clock, epoch seconds.
    """

    role = "score"

    def __init__(
        self,
        settings: Settings,
        house: House,
        store: SnapshotStore,
        number: int,
        producer: PartitionProducer,
        latest_s: Callable[[], float],
        fetch_snapshots: Callable[[], Awaitable[object]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.number = number
        self.partition: Partition | None = None
        self._settings = settings
        self._house = house
        self._tasks = (
            *tasks_of(house),
            *([NEXT_ACTION] if house.logs_decisions else []),
            *([UPLIFT] if house.holdout_share > 0.0 else []),
            *([DEAL_VALUE, LIFETIME_VALUE, SEGMENTS, TOPICS] if house.logs_milestones else []),
        )
        self._store = store
        self._producer = producer
        self._latest_s = latest_s
        self._fetch_snapshots = fetch_snapshots
        self._known: set[tuple[str, str]] = set()
        self._clock = clock
        self._log_topic = settings.topic(topics.LEAD_EVENTS.name)
        self._states_topic = settings.topic(topics.LEAD_STATES.name)
        self._announced: dict[str, str] = {}
        self._announced_s: dict[str, float] = {}
        self._ticked_s = 0.0
        self._changelog_next = 0

    @property
    def works_through_rebalances(self) -> bool:
        """Whether a new owner shuts this one out by itself, so that it need not wait."""
        return self._settings.delivery == "exactly_once"

    async def fence(self) -> None:
        """Shut out a former owner of this partition."""
        await self._producer.open()

    def discard(self) -> None:
        """Take back what was never committed."""
        if self.partition is not None:
            self.partition.rollback()

    async def restore(self) -> None:
        """Read the lead states from the changelog, and after the first time what has been added."""
        started_s = time.perf_counter()
        if self.partition is None:
            partition, self._changelog_next = self._new_partition(), 0
        else:
            partition = self.partition
        topic = self._states_topic
        async for records in read_batches(self._settings, topic, self.number, self._changelog_next):
            for record in records:
                partition.states.restore(record.key, record.value)
            self._changelog_next = records[-1].offset + 1
            await asyncio.to_thread(partition.leads.pack)  # the other partitions go on meanwhile
        partition.states.check()
        if partition.states.overwritten:
            await self._write_again(partition)
        self.partition = partition
        self._announced = dict(partition.progress.versions)
        elapsed_s = time.perf_counter() - started_s
        metrics.RESTORE_SECONDS.labels(str(self.number)).set(elapsed_s)
        metrics.LEADS.labels(str(self.number)).set(partition.leads.settled)
        log.info(
            "states restored",
            partition=self.number,
            leads=partition.leads.settled,
            seconds=round(elapsed_s, 3),
            next_offset=partition.progress.next_offset,
        )

    async def process(self, records: list[Any]) -> None:
        """Fold a batch and commit what it led to, all or nothing."""
        partition = self._restored()
        started_s = time.perf_counter()
        await self._fetch_models(partition, records)
        partition.in_use.follow()
        batch = partition.fold(records)
        changelog: list[ToSend] = [
            (self._states_topic, self.number, key, value, [])
            for key, value in partition.changelog(batch)
        ]
        await self._send(
            batch.outputs, [*changelog, *self._control()], partition.progress.next_offset
        )
        partition.committed()
        self._observe(batch, records, started_s)

    async def idle(self) -> None:
        """Append the time, or a new model version, to a log that has nothing else to say."""
        control = [*self._control(), *self._tick()]
        if control:
            await self._send((), control)
        metrics.EVENT_TIME_LAG_SECONDS.labels(str(self.number)).set(
            max(0.0, self._clock() - self._restored().now_s)
        )

    async def close(self) -> None:
        """Let go; the changelog has everything."""
        await self._producer.close()
        for gauge in (metrics.LEADS, metrics.EVENT_TIME_LAG_SECONDS, metrics.RESTORE_SECONDS):
            with contextlib.suppress(KeyError):  # never set
                gauge.remove(str(self.number))

    async def pause(self) -> None:
        """Keep the states; what somebody else adds meanwhile is read when they come back."""

    async def _send(
        self,
        outputs: Iterable[Output],
        records: Sequence[ToSend],
        next_offset: int | None = None,
    ) -> None:
        ends = await self._producer.send(outputs, records, next_offset)
        end = ends.get((self._states_topic, self.number))
        if end is not None:
            self._changelog_next = end + 1

    async def _fetch_models(self, partition: Partition, records: list[Any]) -> None:
        """Have the versions that the log names, before it is folded by them.

        Another process may have announced one that has not come here yet: folding without
        it would come to other scores than the log says.
        """
        named = set(partition.progress.versions.items())
        for record in records:
            if record.key is None and b"use_model" in (record.value or b""):
                with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
                    body = orjson.loads(record.value)
                    named.add((body["model"], body["version"]))
        for model, version in named - self._known:
            if not self._store.has(model, version):
                await self._fetch_snapshots()  # what is not there now is kept no longer
        self._known = named

    async def _write_again(self, partition: Partition) -> None:
        """Put the furthest states last again, for compaction to keep."""
        rows, partition.states.overwritten = partition.states.overwritten, {}
        log.warning(
            "a former owner wrote after the new one; its states are overruled",
            partition=self.number,
            leads=len(rows),
        )
        await self._send(
            (),
            [
                (self._states_topic, self.number, encode_key(address), row, [])
                for address, row in rows.items()
            ],
        )

    def _new_partition(self) -> Partition:
        number, partitions = self.number, self._settings.partitions
        return Partition(self._house, self._store, number=number, partitions=partitions)

    def _restored(self) -> Partition:
        if self.partition is None:
            raise RuntimeError(f"states of partition {self.number} are not restored")
        return self.partition

    def _control(self) -> Iterable[ToSend]:
        now_s = self._clock()
        for model in self._tasks:
            version = self._store.serving(model)
            if (
                version is None
                or version == self._announced.get(model)
                or now_s - self._announced_s.get(model, 0.0) < USE_MODEL_INTERVAL_S
                or not self._store.has(model, version)
            ):
                continue
            self._announced[model], self._announced_s[model] = version, now_s
            yield self._append({"type": "use_model", "model": model, "version": version})

    def _tick(self) -> Iterable[ToSend]:
        now_s = self._clock()
        if now_s - self._ticked_s < self._settings.tick_interval_s:
            return
        behind_s = self._restored().now_s
        if self._settings.clock == "wall":
            self._ticked_s = now_s
            yield self._append({"type": "tick", "now_s": now_s})
        elif self._latest_s() - behind_s > EVENT_CLOCK_LAG_S:
            self._ticked_s = now_s
            yield self._append({"type": "tick", "now_s": self._latest_s()})

    def _append(self, body: dict[str, Any]) -> ToSend:
        return self._log_topic, self.number, None, orjson.dumps(body), []

    def _observe(self, batch: Batch, records: list[Any], started_s: float) -> None:
        partition = self._restored()
        now_s = self._clock()
        metrics.observe_batch(
            self.role, [r.timestamp for r in records], time.perf_counter() - started_s, now_s
        )
        for (kind, outcome), count in batch.events.items():
            metrics.EVENTS.labels(self.role, kind, outcome).inc(count)
        for (rule, reason), count in batch.suppressed.items():
            metrics.TRIGGERS_SUPPRESSED.labels(rule, reason).inc(count)
        for (kind, reason), count in batch.machines.items():
            metrics.MACHINE_EVENTS.labels(kind, reason).inc(count)
        for output in batch.outputs:
            match output.topic:
                case topics.LEAD_SCORES.name if output.label in SEGMENT_KINDS:
                    metrics.SEGMENT_CHANGES.labels(output.label).inc()
                case topics.LEAD_SCORES.name:
                    metrics.SCORE_CHANGES.labels(output.label).inc()
                case topics.NURTURE_TRIGGERS.name:
                    metrics.TRIGGERS.labels(output.label).inc()
                case topics.DEAD_LETTERS.name:
                    metrics.DEAD_LETTERS.labels(self.role, output.label).inc()
                case topics.ERASURES.name:
                    audit = orjson.loads(output.value or b"{}")
                    log.info(
                        "lead erased",
                        partition=self.number,
                        lead_hash=audit["lead_hash"],
                        addresses=audit["addresses"],
                    )
        metrics.STATE_OVERFLOWS.inc(batch.overflows)
        metrics.LEADS.labels(str(self.number)).set(partition.leads.settled)
        metrics.EVENT_TIME_LAG_SECONDS.labels(str(self.number)).set(
            max(0.0, now_s - partition.now_s)
        )
