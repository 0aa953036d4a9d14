"""learn: one learner per model, in the order of its examples; publishes what it knows."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from online_models.formats import ModelFormatError
from online_models.metrics import RollingQuality
from schemas import topics
from stream import metrics
from stream.kafka.clients import read_all
from stream.kafka.ownership import Ownership
from stream.kafka.snapshots import is_admitted
from stream.kafka.transactions import PartitionProducer
from stream.kafka.transport import Records
from stream.lead.learner import Learner
from stream.lead.outputs import Output
from stream.lead.signature import signed
from stream.models import P_CONVERT, SnapshotStore, build_model, count_refused
from stream.settings import ModelKind, Settings

log = structlog.get_logger(__name__)

SLICE_S = 0.001
"""How long learning may keep a process from everything else at a time."""


async def learn(fetches: AsyncIterator[list[Records]], ownership: Ownership) -> None:
    """Hand each batch of examples to its partition's worker."""
    async for batches in fetches:
        for records in batches:
            ownership.deliver(records)


class LearnWorker:
    """The learner of ``p_convert``.

    Its offset stands in its checkpoint: after a crash it goes on from exactly there, and since
    versions are named by that offset, what it learns again it also names the same.

    Parameters
    ----------
    store
        The versions that are kept, as read back from their topic.
    duty
        Share of the time that may be spent learning while examples wait: in a process that also
        scores, a lead's events go before.
    clock
        A monotonic clock in seconds.
    """

    role = "learn"

    def __init__(
        self,
        settings: Settings,
        number: int,
        producer: PartitionProducer,
        store: SnapshotStore,
        duty: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._number = number
        self._producer = producer
        self._store = store
        self._rest_s = SLICE_S * (1.0 / duty - 1.0)
        self._clock = clock
        self._learner: Learner | None = None
        self._quality = RollingQuality()
        self._published = ""
        self._published_s = 0.0
        self._checkpointed = 0
        self._checkpointed_s = clock()

    @property
    def works_through_rebalances(self) -> bool:
        """Whether a new owner shuts this one out by itself, so that it need not wait."""
        return self._settings.delivery == "exactly_once"

    async def fence(self) -> None:
        """Shut out a former learner."""
        await self._producer.open()

    def discard(self) -> None:
        """Forget the model: it may have learned what was never committed."""
        self._learner = None

    async def restore(self) -> None:
        """Go on from the checkpoint, and learn what has come in since."""
        newest: Any = None
        topic = self._settings.topic(topics.MODEL_CHECKPOINTS.name)
        for record in await read_all(self._settings, topic, 0):
            if record.key == P_CONVERT.encode():
                newest = record
        if newest is not None and not is_admitted(self._settings, topics.MODEL_CHECKPOINTS, newest):
            newest = None
        learner = _restored(None if newest is None else newest.value, self._settings.model)
        self._learner = learner
        self._quality = RollingQuality()
        self._checkpointed = learner.next_offset
        examples = self._settings.topic(topics.TRAINING_EXAMPLES.name)
        records = await read_all(self._settings, examples, self._number, learner.next_offset)
        await self._learn_all(learner, records)
        log.info("learner restored", model=P_CONVERT, next_offset=learner.next_offset)

    async def process(self, records: list[Any]) -> None:
        """Learn from a batch, and publish or checkpoint if it is time."""
        started_s = time.perf_counter()
        learner = self._restored()
        await self._learn_all(learner, records)
        await self._publish(learner)
        metrics.observe_batch(
            self.role, [r.timestamp for r in records], time.perf_counter() - started_s, time.time()
        )

    async def idle(self) -> None:
        """Publish what has been learned since the last version."""
        await self._publish(self._restored())

    async def pause(self) -> None:
        """Leave a checkpoint; the model is read anew when the partition comes back."""
        if self._learner is not None:
            await self._send(self._learner, [], checkpoint=True)
        self.discard()

    async def close(self) -> None:
        """Let go."""
        await self._producer.close()
        for gauge in (metrics.AUC_RATIO, metrics.LOG_LOSS):
            with contextlib.suppress(KeyError):  # never set
                gauge.remove(P_CONVERT)

    def _restored(self) -> Learner:
        if self._learner is None:
            raise RuntimeError("the learner is not restored")
        return self._learner

    async def _learn_all(self, learner: Learner, records: Sequence[Any]) -> None:
        since_s = self._clock()
        for record in records:
            self._learn(learner, record)
            if self._clock() - since_s >= SLICE_S:
                await asyncio.sleep(self._rest_s)
                since_s = self._clock()

    def _learn(self, learner: Learner, record: Any) -> None:
        try:
            learned = learner.learn(record.value, record.offset)
        except ValueError as error:
            log.warning("a record is passed over", offset=record.offset, error=str(error))
            return
        if learned is None:
            return
        y, p_convert = learned
        self._quality.add(y, p_convert)
        metrics.EXAMPLES_LEARNED.labels(P_CONVERT, "positive" if y else "negative").inc()

    async def _publish(self, learner: Learner) -> None:
        now_s = self._clock()
        outputs: list[Output] = []
        due = now_s - self._published_s >= self._settings.snapshot_interval_s
        examples = learner.model.positives + learner.model.negatives
        if due and examples and learner.version != self._published:
            outputs = [*learner.snapshot(), *self._outdated()]
        checkpoint = (
            learner.next_offset > self._checkpointed
            and now_s - self._checkpointed_s >= self._settings.checkpoint_interval_s
        )
        if outputs or checkpoint:
            await self._send(learner, outputs, checkpoint=checkpoint)
        if outputs:
            self._published, self._published_s = learner.version, now_s
            self._observe()

    async def _send(self, learner: Learner, outputs: list[Output], *, checkpoint: bool) -> None:
        secret = self._settings.snapshot_key.get_secret_value().encode()
        records = [*outputs, *([learner.checkpoint()] if checkpoint else [])]
        await self._producer.send(
            [signed(record, secret) for record in records],
            next_offset=learner.next_offset if checkpoint else None,
        )
        if not checkpoint:
            return
        self._checkpointed, self._checkpointed_s = learner.next_offset, self._clock()

    def _outdated(self) -> list[Output]:
        kept = self._store.versions(P_CONVERT)
        in_use = {self._store.serving(P_CONVERT), self._store.pinned(P_CONVERT)}
        surplus = kept[: max(0, len(kept) + 1 - self._settings.model_versions_kept)]
        return [
            Output(topics.MODEL_SNAPSHOTS.name, f"{P_CONVERT}/{v}".encode(), None, [])
            for v in surplus
            if v not in in_use
        ]

    def _observe(self) -> None:
        auc, log_loss = self._quality.auc(), self._quality.log_loss()
        if auc is not None:
            metrics.AUC_RATIO.labels(P_CONVERT).set(auc)
        if log_loss is not None:
            metrics.LOG_LOSS.labels(P_CONVERT).set(log_loss)


def _restored(checkpoint: bytes | None, kind: ModelKind) -> Learner:
    anew = "the model is learned anew from the examples that are kept"
    build = partial(build_model, kind=kind)
    try:
        return Learner.restore(P_CONVERT, checkpoint, build)
    except ModelFormatError as error:
        count_refused(P_CONVERT, error.reason, str(error)[:300])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        count_refused(P_CONVERT, "malformed", f"{type(error).__name__}: {anew}")
    return Learner(P_CONVERT, build(None))
