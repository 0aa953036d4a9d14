"""learn: the contests of all models, in the order of their examples; publishes what they know."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import structlog

from online_models.catalogue import build_model
from online_models.formats import ModelFormatError
from schemas import topics
from schemas.learning import Champion
from schemas.milestones import Milestone
from stream import metrics
from stream.agents.learned_reports import LearnedReports
from stream.kafka.clients import read_all
from stream.kafka.ownership import Ownership
from stream.kafka.snapshots import is_admitted
from stream.kafka.transactions import PartitionProducer
from stream.kafka.transport import Records
from stream.lead.contest import Contest
from stream.lead.labels import tasks_of
from stream.lead.learner import (
    Learner,
    champion_record,
    decoded,
    decoded_checkpoint,
    serving_record,
)
from stream.lead.outputs import Output
from stream.lead.policy_learner import PolicyLearner
from stream.lead.signature import signed
from stream.lead.uplift_learner import UpliftLearner
from stream.learner_quality import LearnerQuality
from stream.models import NEXT_ACTION, P_CONVERT, UPLIFT, SnapshotStore, count_refused
from stream.settings import Settings

log = structlog.get_logger(__name__)

OBSERVE_INTERVAL_S = 5.0
"""Least seconds between two looks at how well models do: they take some milliseconds."""
EXAMPLES_AT_ONCE = 50
"""Of a batch: a whole one can take many seconds where learning has a tenth of the time."""
SLICE_S = 0.001
"""How long learning may keep a process from everything else at a time."""
RESTORING_DUTY = 0.5
"""Share of the time for who restores: a process is ready only when its learner is."""


async def learn(fetches: AsyncIterator[list[Records]], ownership: Ownership) -> None:
    """Hand each batch of examples to its partition's worker."""
    async for batches in fetches:
        for records in batches:
            ownership.deliver(records)


class LearnWorker:
    """The learners of all models, champion and challengers.

    Their offsets stand in their checkpoints: after a crash each goes on from exactly there, and
    since versions are named by offsets, what it learns again it also names the same.

    Parameters
    ----------
    store
        The versions that are kept and the champions that were decided on, as read back from their
        topic.
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
        self._duty = duty
        self._clock = clock
        self._contests: list[Contest[Any]] = []
        self._reports = LearnedReports(settings)
        self._house = settings.house()
        self._quality = LearnerQuality(self._house)
        self._observed_s = self._told_s = -math.inf
        self._decided: dict[str, Champion | None] = {}
        self._published: dict[tuple[str, str], str] = {}
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
        """Forget the models: they may have learned what was never committed."""
        self._contests, self._published = [], {}
        self._reports.discard()

    async def restore(self) -> None:
        """Go on from the checkpoints, and learn what has come in since."""
        checkpoints: dict[bytes, Any] = {}
        topic = self._settings.topic(topics.MODEL_CHECKPOINTS.name)
        for record in await read_all(self._settings, topic, 0):
            checkpoints[record.key or b""] = record
        kinds = self._settings.kinds()
        self._contests = [
            self._contest(task, kinds if task == P_CONVERT else kinds[:1])
            for task in tasks_of(self._house)
        ]
        if self._settings.policies():
            self._contests.append(self._policy_contest())
        if self._house.holdout_share > 0.0:
            uplift = UpliftLearner()
            self._contests.append(Contest(UPLIFT, [uplift], self._first(UPLIFT, [uplift.kind])))
        self._reports.begin()
        for record in checkpoints.values():
            if is_admitted(self._settings, topics.MODEL_CHECKPOINTS, record):
                self._resume(record)
        self._quality = LearnerQuality(self._house)
        self._checkpointed = next_offset = self._next_offset()
        examples = self._settings.topic(topics.TRAINING_EXAMPLES.name)
        records = await read_all(self._settings, examples, self._number, next_offset)
        duty = max(self._duty, RESTORING_DUTY)
        for some in _chunks(records):
            await self._learn_all(some, duty)
            # Not published: what was published last knew more. Kept: who is killed while it
            # restores would else leave its successor more to do, and never be done.
            if self._is_checkpoint_due():
                await self._send([], checkpoint=True)
        self._checkpointed_s = -math.inf  # what was learned again is not to be learned once more
        log.info("learner restored", next_offset=self._next_offset())

    async def process(self, records: list[Any]) -> None:
        """Learn from a batch, and publish or checkpoint if it is time."""
        started_s = time.perf_counter()
        for some in _chunks(records):
            await self._learn_all(some, self._duty)
            await self._publish()
        metrics.observe_batch(
            self.role, [r.timestamp for r in records], time.perf_counter() - started_s, time.time()
        )

    async def idle(self) -> None:
        """Publish what has been learned since the last version."""
        await self._publish()

    async def pause(self) -> None:
        """Leave checkpoints; the models are read anew when the partition comes back."""
        if self._contests:
            await self._send([], checkpoint=True, everything=True)
        self.discard()

    async def close(self) -> None:
        """Let go."""
        await self._producer.close()
        self._quality.withdraw(self._contests)
        self._reports.withdraw()

    def _contest(self, name: str, kinds: Sequence[str]) -> Contest[Learner]:
        on_drift = self._settings.on_drift
        learners = (Learner(name, kind, build_model, on_drift) for kind in kinds)
        return Contest(name, learners, self._first(name, kinds))

    def _policy_contest(self) -> Contest[PolicyLearner]:
        kinds, epsilon = self._settings.policies(), self._settings.exploration_ratio
        learners = [PolicyLearner(kind, epsilon) for kind in kinds]
        return Contest(NEXT_ACTION, learners, self._first(NEXT_ACTION, kinds))

    def _first(self, name: str, kinds: Sequence[str]) -> str:
        """Return the champion that was decided on, else the first."""
        decided = self._decided[name] = self._store.champion(name)
        return decided.kind if decided is not None and decided.kind in kinds else kinds[0]

    def _resume(self, record: Any) -> None:
        anew = "the model is learned anew from the examples that are kept"
        key = (record.key or b"").decode("utf-8", "replace")
        try:
            checkpoint = decoded_checkpoint(record.value)
            for contest in self._contests:
                if contest.name == checkpoint.model and checkpoint.kind in contest.contestants:
                    contest.resume(checkpoint)
            self._reports.resume(checkpoint)
        except ModelFormatError as error:
            count_refused(key, error.reason, str(error)[:300])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            count_refused(key, "malformed", f"{type(error).__name__}: {anew}")

    def _next_offset(self) -> int:
        if not self._contests:
            raise RuntimeError("the learner is not restored")
        offsets = [contest.next_offset for contest in self._contests]
        return min([*offsets, *self._reports.next_offsets()])

    async def _learn_all(self, records: Sequence[Any], duty: float) -> None:
        rest_s = SLICE_S * (1.0 / duty - 1.0)
        since_s = self._clock()
        for record in records:
            self._learn(record)
            await self._reports.fit()
            if self._clock() - since_s >= SLICE_S:
                await asyncio.sleep(rest_s)
                since_s = self._clock()

    def _learn(self, record: Any) -> None:
        offset = record.offset
        try:
            example = decoded(record.value)
        except ValueError as error:
            log.warning("a record is passed over", offset=offset, error=str(error))
            self._reports.pass_over(offset)
            for contest in self._contests:
                contest.pass_over(offset)
            return
        self._reports.learn(example, offset)
        for contest in self._contests:
            if isinstance(example, Milestone):
                contest.pass_over(offset)
            else:
                self._quality.add(contest, example, contest.learn(example, offset))

    async def _publish(self) -> None:
        now_s = self._clock()
        outputs: list[Output] = []
        due = now_s - self._published_s >= self._settings.snapshot_interval_s
        checkpoint = self._is_checkpoint_due()
        if due or checkpoint:
            for contest in self._contests:
                outputs += self._crown(contest)
                outputs += self._versions(contest, everyone=checkpoint)
            for report, published in self._reports.serve():
                self._published[report.name, ""] = report.version
                outputs += [*published, *self._outdated(report.name)]
        if outputs or checkpoint:
            await self._send(outputs, checkpoint=checkpoint)
        if outputs:
            self._published_s = now_s
            if now_s - self._observed_s >= OBSERVE_INTERVAL_S:
                self._observed_s = now_s
                self._quality.publish(self._contests)
        # Also where nothing is learned: an alarm says that nothing comes.
        if now_s - self._told_s >= OBSERVE_INTERVAL_S:
            self._told_s = now_s
            self._reports.publish()

    def _is_checkpoint_due(self) -> bool:
        passed_s = self._clock() - self._checkpointed_s
        return (
            self._next_offset() > self._checkpointed
            and passed_s >= self._settings.checkpoint_interval_s
        )

    def _crown(self, contest: Contest[Any]) -> list[Output]:
        """Follow what a command has decided about who serves, or decide by the rule."""
        name, decided = contest.name, self._store.champion(contest.name)
        if decided != self._decided[name]:
            self._decided[name] = decided
            if decided is not None and decided.kind in contest.contestants:
                if decided.kind != contest.champion:
                    contest.promote(decided.kind)
                return []
        takes_part = decided is not None and decided.kind in contest.contestants
        is_held = takes_part and decided is not None and decided.decided_by == "command"
        winner = None
        if self._settings.promotion == "rule" and not is_held:
            winner = contest.winner()
        if winner is not None:
            contest.promote(winner)
            metrics.PROMOTIONS.labels(name, winner).inc()
            log.info("a challenger is the champion now", model=name, kind=winner)
            return [champion_record(name, winner, "rule")]
        if decided is not None and not takes_part:
            return [champion_record(name, contest.champion, "rule")]
        return []

    def _versions(self, contest: Contest[Any], *, everyone: bool) -> list[Output]:
        """Return what publishes the champion's version, and now and then the challengers'."""
        name, outputs = contest.name, []
        for kind, contestant in contest.contestants.items():
            learner = contestant.learner
            serves = kind == contest.champion
            version = learner.version
            if not learner.has_learned or not (serves or everyone):
                continue
            if self._published.get((name, kind)) != version:
                outputs.append(learner.snapshot())
            if serves and self._published.get((name, "")) != version:
                outputs.append(serving_record(name, "serving", version))
                self._published[name, ""] = version
            self._published[name, kind] = version
        return [*outputs, *self._outdated(name)] if outputs else []

    async def _send(
        self, outputs: list[Output], *, checkpoint: bool, everything: bool = False
    ) -> None:
        secret = self._settings.snapshot_key.get_secret_value().encode()
        records, next_offset = list(outputs), None
        if checkpoint:
            next_offset = self._next_offset()
            for contest in self._contests:
                records += contest.checkpoints()
            records += self._reports.checkpoints(self._clock(), everyone=everything)
        await self._producer.send(
            [signed(record, secret) for record in records], next_offset=next_offset
        )
        if next_offset is not None:
            self._checkpointed, self._checkpointed_s = next_offset, self._clock()

    def _outdated(self, name: str) -> list[Output]:
        store = self._store
        kept = store.versions(name)
        in_use = {store.serving(name), store.pinned(name)}
        in_use |= {version for (of, _), version in self._published.items() if of == name}
        surplus = kept[: max(0, len(kept) + 1 - self._settings.model_versions_kept)]
        return [
            Output(topics.MODEL_SNAPSHOTS.name, f"{name}/{v}".encode(), None, [])
            for v in surplus
            if v not in in_use
        ]


def _chunks(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(records), EXAMPLES_AT_ONCE):
        yield records[first : first + EXAMPLES_AT_ONCE]
