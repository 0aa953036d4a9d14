"""The consumer runs on the worker's own loop: what Faust does in a thread is overridden."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
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


async def test_what_a_fetch_brought_is_not_judged_by_how_far_its_last_partition_was_read() -> None:
    consumer = WorkerProcess(Settings(), ["route"]).faust.consumer
    fresh, known = TP("topic", 0), TP("topic", 1)
    committed: list[dict[TP, int | None]] = [{known: None}, {known: 1}]
    consumer._thread.seek_to_committed = _answering(committed)
    # The first commit of a partition comes between two looks at what is committed, of a seek that
    # goes back to the beginning and of one that ends later.
    await consumer.perform_seek()
    await consumer.perform_seek()

    message = SimpleNamespace(tp=known, offset=0, key=None, value=[fresh, known])
    delivered: list[Any] = []

    async def fetch(**_: float) -> AsyncIterator[tuple[TP, Any]]:
        yield known, message
        consumer._stopped.set()

    async def take(message: Any) -> None:
        delivered.append(message.value)

    consumer.getmany, consumer.callback = fetch, take
    await consumer._drain_messages(consumer)
    assert delivered == [[fresh, known]]


def _answering(answers: list[Any]) -> Any:
    async def answer() -> Any:
        return answers.pop(0)

    return answer
