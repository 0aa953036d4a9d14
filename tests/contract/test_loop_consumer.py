"""The consumer runs on the worker's own loop: what Faust does in a thread is overridden."""

import asyncio
import inspect
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from mode.threads import QueueServiceThread, ServiceThread

from stream.app import WorkerProcess
from stream.kafka.loop_consumer import LoopConsumer
from stream.settings import Settings


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("start", ServiceThread),
        ("on_stop", ServiceThread),
        ("call_thread", QueueServiceThread),
        ("_stop_children", ServiceThread),
        ("_stop_futures", ServiceThread),
        ("_stop_exit_stacks", ServiceThread),
    ],
)
def test_what_makes_the_thread_is_overridden(name: str, theirs: Any) -> None:
    ours = getattr(LoopConsumer, name)

    assert name in vars(LoopConsumer)
    assert list(inspect.signature(ours).parameters) == list(
        inspect.signature(getattr(theirs, name)).parameters
    )


async def test_the_consumer_starts_and_stops_on_the_running_loop() -> None:
    consumer = WorkerProcess(Settings(), ["score"]).faust.consumer._thread
    done: list[str] = []
    inner = SimpleNamespace(
        start=_noting(done, "joined the group"), stop=_noting(done, "left the group")
    )
    consumer._create_consumer = lambda loop: inner  # noqa: ARG005 - Faust's
    before = threading.active_count()

    await consumer.start()
    assert done == ["joined the group"]
    assert threading.active_count() == before
    assert await consumer.call_thread(asyncio.sleep, 0, "an answer") == "an answer"
    await consumer.stop()
    assert done == ["joined the group", "left the group"]


def _noting(done: list[str], what: str) -> Any:
    async def note() -> None:
        done.append(what)

    return note
