"""Learning leaves room for the rest of its process."""

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from schemas import topics
from stream.agents import learn
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
