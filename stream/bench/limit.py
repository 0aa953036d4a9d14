"""The same decisions in a plain loop without Kafka: bytes in, bytes out; as fast as it can be."""

import sys
import time
from collections.abc import Iterable

import orjson

from online_models.catalogue import build_model
from schemas import topics
from schemas.learning import TrainingExample
from stream.bench.mix import MixedEvent, mixed_events
from stream.lead.learner import Learner, decoded
from stream.lead.outputs import Origin
from stream.lead.partition import Partition
from stream.lead.routing import Router
from stream.models import P_CONVERT, SnapshotStore
from stream.offline import LogEntry
from stream.settings import Settings

BATCH_RECORDS = 500
"""About what a worker under load takes at a time."""
SNAPSHOT_EVERY_EXAMPLES = 200
KIND = "bayesian_logistic"


class PlainLoop:
    """route, score and learn by turns, a batch at a time, in one process.

    Attributes
    ----------
    scores
        How many score changes came out.
    """

    def __init__(self, settings: Settings) -> None:
        house = settings.house()
        self.scores = 0
        self._router = Router(b"of no account here", house.sealer, replayed=True)
        self._store = SnapshotStore()
        self._partition = Partition(house, self._store)
        self._learner = Learner(P_CONVERT, KIND, build_model)
        self._offset = 0
        self._published = 0

    @property
    def version(self) -> str | None:
        """The model version that scores come from; None before the first."""
        return self._partition.progress.versions.get(P_CONVERT)

    def run(self, events: Iterable[MixedEvent]) -> None:
        """Take events in; what comes out is counted and let go."""
        batch: list[LogEntry] = []
        for event in events:
            origin = Origin(event.topic, 0, self._offset, 2e9)
            for output in self._router.route(event.lead_id.encode(), event.value, origin).outputs:
                batch.append(LogEntry(self._offset, 0, output.key, output.value, output.headers))
                self._offset += 1
            if len(batch) >= BATCH_RECORDS:
                self._fold(batch)
                batch = []
        self._fold(batch)

    def _fold(self, records: list[LogEntry]) -> None:
        batch = self._partition.fold(records)
        self._partition.changelog(batch)
        self._partition.committed()
        for output in batch.outputs:
            if output.topic == topics.LEAD_SCORES.name:
                self.scores += 1
            elif output.topic == topics.TRAINING_EXAMPLES.name:
                example = decoded(output.value or b"")
                if isinstance(example, TrainingExample):
                    self._learner.learn(example, self._learner.next_offset)
        if self._learner.next_offset - self._published >= SNAPSHOT_EVERY_EXAMPLES:
            self._published = self._learner.next_offset
            snapshot = self._learner.snapshot()
            self._store.put(snapshot.key.decode(), snapshot.value)
            self._partition.progress.versions[P_CONVERT] = self._learner.version


def main() -> None:
    """Print events and CPU-seconds of a run: ``python -m stream.bench.limit EVENTS LEADS``."""
    events, leads = int(sys.argv[1]), int(sys.argv[2])
    loop = PlainLoop(Settings(score_step=0.0, late_grace_s=1e9))
    warm = events // 4
    loop.run(mixed_events(warm, leads))
    measured = list(mixed_events(events, leads, first=warm))
    started_s = time.process_time()
    loop.run(measured)
    cpu_s = time.process_time() - started_s
    if loop.scores != warm + events:
        sys.exit(f"{loop.scores} score changes of {warm + events} events")
    print(orjson.dumps({"events": events, "cpu_s": cpu_s}).decode())


if __name__ == "__main__":
    main()
