"""route, score and learn in one loop, without Kafka."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from online_models.catalogue import build_model
from schemas import topics
from schemas.dead_letters import DeadLetter
from schemas.learning import TrainingExample
from schemas.milestones import Milestone
from stream.evaluated_models import EvaluatedModel
from stream.evaluated_tasks import EvaluatedTasks
from stream.lead.house import House
from stream.lead.learner import Learner, decoded
from stream.lead.outputs import Origin, Output
from stream.lead.partition import Partition
from stream.lead.routing import Router
from stream.lead.text_reading import ReadsTexts
from stream.models import P_CONVERT, SnapshotStore
from stream.scored_rows import Watch, WatchedPartition

REFUSED_SHOWN = 5
CHAMPION = "bayesian_logistic"


@dataclass(slots=True)
class LogEntry:
    """A record of a log that is held in memory."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class OfflineStream:
    """route, score and learn in one loop: what the agents do, in the order of arrival.

    Parameters
    ----------
    house
        The rules of the house.
    email_key
        The secret that email addresses are hashed with.
    received_s
        The receiver's clock, epoch seconds: events beyond it are from the future.
    kinds
        What learns: the champion, which scores go by, and challengers.
    watch
        Is shown each score as it is made.
    note
        Is told each milestone.
    reader
        Reads the texts of events; None leaves them unread.
    """

    def __init__(
        self,
        house: House,
        email_key: bytes,
        received_s: float,
        kinds: Sequence[str] = (CHAMPION,),
        watch: Watch | None = None,
        note: Callable[[Milestone], None] = lambda _: None,
        reader: ReadsTexts | None = None,
    ) -> None:
        self._note = note
        self.store = SnapshotStore()
        self.partition = (
            Partition(house, self.store)
            if watch is None
            else WatchedPartition(house, self.store, watch)
        )
        self.models = {
            kind: EvaluatedModel(Learner(P_CONVERT, kind, build_model), house) for kind in kinds
        }
        self.champion = self.models[kinds[0]]
        versions = self.partition.progress.versions
        self.tasks = EvaluatedTasks(house, kinds[0], self.store, versions)
        self.outcomes: Counter[str] = Counter()
        self.outputs: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.refused: list[str] = []
        self._sealer = house.sealer
        self._router = Router(email_key, house.sealer, replayed=True, reader=reader)
        self._received_s = received_s
        self._offset = 0
        self._examples = 0
        self._arrived: Counter[str] = Counter()

    def feed(self, topic: str, value: bytes, key: bytes | None = None) -> list[tuple[str, float]]:
        """Take in one event; return the leads scored by it, with ``p_convert``."""
        waiting: deque[tuple[str, bytes | None, bytes | None]] = deque([(topic, key, value)])
        scored: list[tuple[str, float]] = []
        while waiting:
            name, record_key, record_value = waiting.popleft()
            origin = Origin(name, 0, self._arrived[name], self._received_s)
            self._arrived[name] += 1
            routed = self._router.route(record_key, record_value, origin)
            self.outcomes[routed.outcome] += 1
            for output in routed.outputs:
                self._settle(output, waiting, scored)
        return scored

    def serve(self, model: str, version: str, snapshot: Output) -> None:
        """Let a version of a model serve in place of the former, as the log would say it."""
        versions = self.partition.progress.versions
        former = versions.get(model)
        self.store.put(snapshot.key.decode(), snapshot.value)
        versions[model] = version
        self.partition.in_use.follow()
        if former is not None:
            self.store.put(f"{model}/{former}", None)

    def _settle(
        self,
        output: Output,
        waiting: deque[tuple[str, bytes | None, bytes | None]],
        scored: list[tuple[str, float]],
    ) -> None:
        self.outputs[output.topic] += 1
        if output.topic == topics.LEAD_EVENTS.name:
            self._append(output)
            batch = self.partition.take()
            scored += batch.scored
            for further in batch.outputs:
                self._settle(further, waiting, scored)
        elif output.topic == topics.DEAD_LETTERS.name:
            letter = DeadLetter.model_validate_json(output.value or b"")
            self.reasons[letter.reason] += 1
            if len(self.refused) < REFUSED_SHOWN:
                detail = self._sealer.open(letter.sealed, letter.letter_id).detail
                self.refused.append(f"{letter.topic}: {letter.reason}: {detail}")
        elif output.topic == topics.LEAD_FORWARDS.name:
            waiting.append((output.topic, output.key, output.value))
        elif output.topic == topics.TRAINING_EXAMPLES.name:
            self._learn(output.value or b"")

    def _learn(self, value: bytes) -> None:
        example, offset = decoded(value), self._examples
        self._examples += 1
        if isinstance(example, Milestone):
            self._note(example)
        if not isinstance(example, TrainingExample):
            return
        if example.model != P_CONVERT:
            self.tasks.learn(example, offset)
            return
        for model in self.models.values():
            if not model.learn(example, offset):
                continue
            if model is self.champion:
                self._publish()
            else:
                model.publish()

    def _publish(self) -> None:
        """Let the champion's newest version serve, as the log would say it."""
        learner = self.champion.learner
        self.serve(P_CONVERT, learner.version, learner.snapshot())
        self.champion.scorer = self.store.scorer(P_CONVERT, learner.version)

    def _append(self, output: Output) -> None:
        entry = LogEntry(
            self._offset, int(self._received_s * 1000), output.key, output.value, output.headers
        )
        self._offset += 1
        self.partition.apply(entry)
