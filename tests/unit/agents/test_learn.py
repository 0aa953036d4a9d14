"""Learning leaves room for the rest of its process."""

import asyncio
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import learner_process
import orjson
import pytest
from learner_process import learner_of

from schemas import topics
from stream.agents import learn
from stream.lead.contest import Contest
from stream.lead.learner import champion_record
from stream.lead.versions import offset_of
from stream.models import SnapshotStore
from stream.settings import Settings

EXAMPLE = {
    "type": "training_example",
    "model": "p_convert",
    "x": {"age": 1.0},
    "y": True,
    "weight": 1.0,
    "p_convert": 0.5,
    "occurred_at": "2026-01-05T00:00:00Z",
    "labelled_at": "2026-01-06T00:00:00Z",
}
EXAMPLES = 40


@pytest.mark.parametrize("duty", [0.1, 1.0])
async def test_others_have_their_turns_while_a_backlog_is_learned(duty, monkeypatch):
    backlog = [SimpleNamespace(value=orjson.dumps(EXAMPLE), offset=n) for n in range(EXAMPLES)]

    async def read_all(_settings: Any, topic: str, *_: Any) -> list[Any]:
        return backlog if topic == topics.TRAINING_EXAMPLES.name else []

    monkeypatch.setattr(learn, "read_all", read_all)
    clock = (2 * n * learn.SLICE_S for n in itertools.count())  # an example takes two slices
    worker = learn.LearnWorker(
        Settings(),
        0,
        None,  # type: ignore[arg-type]
        SnapshotStore(),
        duty,
        clock.__next__,
    )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await worker.restore()
    task.cancel()
    assert turns >= EXAMPLES


class Kafka(learner_process.Kafka):
    """One without checkpoints: who restores learns anew."""

    def __init__(self, backlog: Sequence[Any] = ()) -> None:
        super().__init__(list(backlog))
        self.sent: list[str] = []

    async def send(self, outputs: Any, *, next_offset: int | None) -> dict[Any, int]:
        self.sent += [output.key.decode() for output in outputs]
        sent = await super().send(outputs, next_offset=next_offset)
        self.checkpoints.clear()
        return sent

    def decide(self, kind: str, decided_by: str) -> None:
        record = champion_record("p_convert", kind, decided_by)
        self.store.put(record.key.decode(), record.value)


def contest_of(worker: learn.LearnWorker) -> Contest[Any]:
    return next(contest for contest in worker._contests if contest.name == "p_convert")


def examples(count: int, first: int = 0) -> list[Any]:
    """Return examples of which a model can learn all, given a moment."""
    return [
        SimpleNamespace(
            value=orjson.dumps({**EXAMPLE, "x": {"last": f"kind {n % 3}"}, "y": n % 3 == 0}),
            offset=n,
            timestamp=0,
        )
        for n in range(first, first + count)
    ]


def won(worker: learn.LearnWorker, kind: str) -> None:
    """Have a challenger win, as if it had predicted better for long."""
    challenge = contest_of(worker).contestants[kind].challenge
    for _ in range(600):
        challenge.add(1.0, 0.5)


async def test_champion_and_challengers_publish_and_the_champion_serves(monkeypatch):
    kafka = Kafka()
    worker = await learner_of(kafka, monkeypatch)
    await worker.process(examples(20))
    assert {"p_convert/bayesian_logistic-20", "p_convert/logistic-20"} < set(kafka.sent)
    assert kafka.store.serving("p_convert") == "bayesian_logistic-20"


async def test_versions_are_published_while_a_long_batch_is_learned(monkeypatch):
    kafka = Kafka()
    worker = await learner_of(kafka, monkeypatch)
    await worker.process(examples(180))
    published = [offset_of(v) for v in kafka.store.versions("p_convert", "bayesian_logistic")]
    assert published == [50, 100, 150, 180]


async def test_a_challenger_that_won_takes_over_by_itself_and_stays(monkeypatch):
    kafka = Kafka()
    worker = await learner_of(kafka, monkeypatch)
    await worker.process(examples(20))
    won(worker, "logistic")
    await worker.process(examples(5, first=20))
    await worker.process(examples(5, first=25))
    assert kafka.store.serving("p_convert") == "logistic-30"
    champion = kafka.store.champion("p_convert")
    assert champion is not None
    assert (champion.kind, champion.decided_by) == ("logistic", "rule")
    again = await learner_of(kafka, monkeypatch)
    assert contest_of(again).champion == "logistic", "after a restart too"


@pytest.mark.parametrize("settings", [{"promotion": "never"}, {}])
async def test_the_rule_holds_back_where_it_is_told_to(settings, monkeypatch):
    kafka = Kafka()
    if not settings:
        kafka.decide("bayesian_logistic", "command")
    worker = await learner_of(kafka, monkeypatch, **settings)
    won(worker, "logistic")
    await worker.process(examples(20))
    assert kafka.store.serving("p_convert") == "bayesian_logistic-20"


async def test_a_command_is_followed_and_released_to_the_rule_again(monkeypatch):
    kafka = Kafka()
    worker = await learner_of(kafka, monkeypatch)
    await worker.process(examples(20))
    kafka.decide("logistic", "command")
    assert kafka.store.serving("p_convert") == "logistic-20", "before the learner has heard of it"
    await worker.process(examples(5, first=20))
    assert kafka.store.serving("p_convert") == "logistic-25"
    won(worker, "bayesian_logistic")
    await worker.process(examples(5, first=25))
    assert kafka.store.serving("p_convert") == "logistic-30"
    kafka.decide("logistic", "rule")
    await worker.process(examples(5, first=30))
    await worker.process(examples(5, first=35))
    assert kafka.store.serving("p_convert") == "bayesian_logistic-40"


async def test_a_champion_that_no_longer_takes_part_is_replaced(monkeypatch):
    kafka = Kafka()
    kafka.decide("logistic", "rule")
    worker = await learner_of(kafka, monkeypatch, challengers="")
    await worker.process(examples(20))
    assert kafka.store.serving("p_convert") == "bayesian_logistic-20"
    champion = kafka.store.champion("p_convert")
    assert champion is not None
    assert champion.kind == "bayesian_logistic"


async def test_a_restore_keeps_what_it_has_learned_and_publishes_nothing_of_it(monkeypatch):
    kafka, kept = Kafka(examples(180)), []
    send = kafka.send

    async def noted(outputs: Any, *, next_offset: int | None) -> dict[Any, int]:
        assert {output.topic for output in outputs} == {topics.MODEL_CHECKPOINTS.name}
        assert next_offset is not None
        kept.append(next_offset)
        return await send(outputs, next_offset=next_offset)

    monkeypatch.setattr(kafka, "send", noted)
    await learner_of(kafka, monkeypatch)
    assert kept == [50, 100, 150, 180]
