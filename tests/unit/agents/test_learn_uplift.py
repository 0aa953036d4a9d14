"""The learner's process and uplift: published, checkpointed, gone on with after a crash."""

import itertools
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from schemas import topics
from stream import metrics
from stream.agents import learn
from stream.lead.outputs import Output
from stream.models import P_CONVERT, UPLIFT, SnapshotStore
from stream.settings import Settings

AT = "2026-01-05T00:00:00Z"


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


def examples(count: int) -> list[Any]:
    """Return examples of p_convert and of uplift by turns."""
    random, found = Random(1), []
    for offset in range(count):
        body: dict[str, Any] = {
            **{"type": "training_example", "x": {"stage": random.choice(["new", "bought"])}},
            **{"y": random.random() < 0.4, "weight": 1.0, "p_convert": 0.4},
            **{"occurred_at": AT, "labelled_at": AT, "model": P_CONVERT},
        }
        if offset % 2:
            body |= {"model": UPLIFT, "is_treated": random.random() < 0.5}
        found.append(SimpleNamespace(value=orjson.dumps(body), offset=offset, timestamp=0))
    return found


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


def served(name: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, {"model": UPLIFT})


async def test_a_learner_goes_on_after_a_crash_as_if_there_had_been_none(monkeypatch):
    rows = examples(600)
    whole, crashed = Kafka([]), Kafka([])
    worker = await learner_of(whole, monkeypatch, holdout_share=0.2)
    await worker.process(rows)
    assert whole.store.serving(UPLIFT) == "s_learner-600"
    assert whole.store.uplift("s_learner-600") is not None
    assert served("leadstream_qini_ratio") is not None

    first = await learner_of(crashed, monkeypatch, holdout_share=0.2)
    await first.process(rows[:350])
    crashed.examples = rows[:420]  # seventy more were sent when the learner was killed
    second = await learner_of(crashed, monkeypatch, holdout_share=0.2)
    await second.process(rows[400:])  # twenty of them are delivered once more
    assert crashed.store.serving(UPLIFT) == "s_learner-600"
    key = b"uplift/s_learner-600"
    assert crashed.snapshots[key] == whole.snapshots[key]


async def test_nothing_of_it_is_learned_or_published_without_a_control_group(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    await worker.process(examples(100))
    assert {key.partition(b"/")[0] for key in kafka.snapshots} == {P_CONVERT.encode()}


async def test_a_checkpoint_that_cannot_be_read_has_it_learned_anew(monkeypatch):
    rows = examples(200)
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch, holdout_share=0.2)
    await worker.process(rows)
    broken = kafka.checkpoints[b"uplift/s_learner"]
    body = orjson.loads(broken.value or b"")
    body["state"]["arms"] = [1]
    kafka.checkpoints[b"uplift/s_learner"] = broken._replace(value=orjson.dumps(body))
    kafka.examples = rows
    before = kafka.snapshots[b"uplift/s_learner-200"]
    again = await learner_of(kafka, monkeypatch, holdout_share=0.2)
    contest = next(one for one in again._contests if one.name == UPLIFT)
    assert contest.learner.snapshot().value == before


@pytest.fixture(autouse=True)
def _gauges_of_others():
    metrics.QINI_RATIO.clear()
    metrics.UPLIFT_RATIO.clear()
    yield
    metrics.QINI_RATIO.clear()
    metrics.UPLIFT_RATIO.clear()
