"""A learner's process and the topics that it reads and writes, in memory."""

import itertools
from typing import Any

from schemas import topics
from stream.agents import learn
from stream.lead.outputs import Output
from stream.models import SnapshotStore
from stream.settings import Settings


class Kafka:
    """What a learner sends, as the topics have it afterwards."""

    def __init__(self, examples: list[Any]) -> None:
        self.store = SnapshotStore()
        self.examples = examples
        self.checkpoints: dict[bytes, Output] = {}
        self.snapshots: dict[bytes, bytes | None] = {}

    async def send(self, outputs: Any, *, next_offset: int | None) -> dict[Any, int]:
        assert next_offset is None or next_offset >= 0
        for output in outputs:
            if output.topic == topics.MODEL_SNAPSHOTS.name:
                self.store.put(output.key.decode(), output.value)
                known = self.snapshots.setdefault(output.key, output.value)
                assert known == output.value or b"/serving" in output.key
            else:
                self.checkpoints[output.key] = output
        return {}

    async def read_all(self, _: Any, topic: str, __: int, first: int = 0) -> list[Any]:
        if topic == topics.TRAINING_EXAMPLES.name:
            return [record for record in self.examples if record.offset >= first]
        return list(self.checkpoints.values())


async def learner_of(kafka: Kafka, monkeypatch: Any, **settings: Any) -> learn.LearnWorker:
    monkeypatch.setattr(learn, "read_all", kafka.read_all)
    monkeypatch.setattr(learn, "is_admitted", lambda *_: True)
    worker = learn.LearnWorker(
        Settings(snapshot_interval_s=0.1, checkpoint_interval_s=0.1, **settings),
        0,
        kafka,  # type: ignore[arg-type]
        kafka.store,
        clock=itertools.count().__next__,
    )
    await worker.restore()
    return worker
