"""The learner's process and uplift: published, checkpointed, gone on with after a crash."""

from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from learner_process import Kafka, learner_of

from stream import metrics
from stream.models import P_CONVERT, UPLIFT

AT = "2026-01-05T00:00:00Z"


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
