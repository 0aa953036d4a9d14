import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced
from faust.types import TP

from stream.kafka.ownership import Ownership
from stream.kafka.transport import Records

DEADLINE_S = 5.0
LOG = [TP("lead-events", n) for n in range(3)]


class FakeWorker:
    """A worker that notes what is asked of it, and passes over what it has done.

    A batch waits while ``gate`` is closed.
    """

    role = "score"

    def __init__(self, *, works_through_rebalances: bool) -> None:
        self.works_through_rebalances = works_through_rebalances
        self.calls: list[str] = []
        self.done: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def fence(self) -> None:
        self.calls.append("fence")

    async def restore(self) -> None:
        self.calls.append("restore")

    def discard(self) -> None:
        self.calls.append("discard")

    async def process(self, records: list[Any]) -> None:
        await self.gate.wait()
        error, self.error = self.error, None
        if error is not None:
            raise error
        self.done += [r.offset for r in records if r.offset not in self.done]

    async def idle(self) -> None:
        pass

    async def pause(self) -> None:
        self.calls.append("pause")

    async def close(self) -> None:
        self.calls.append("close")


class Process:
    """An ownership over the partitions of the log, and the workers it made."""

    def __init__(self, *, works_through_rebalances: bool = True, retake_s: float = 60) -> None:
        self.workers: dict[int, FakeWorker] = {}
        self.crashes: list[BaseException] = []
        self.held_back: set[TP] = set()
        flow = SimpleNamespace(
            on_buffer_full=self.held_back.add, on_buffer_drop=self.held_back.discard
        )

        def make(tp: TP) -> tuple[str, Callable[[], Any]]:
            def worker() -> FakeWorker:
                made = FakeWorker(works_through_rebalances=works_through_rebalances)
                self.workers[tp.partition] = made
                return made

            return str(tp.partition), worker

        self.ownership = Ownership(make, lambda: flow, self.crashes.append, retake_s)  # type: ignore[arg-type, return-value]

    def deliver(self, tp: TP, *offsets: int) -> None:
        records = [SimpleNamespace(offset=n, value=b"") for n in offsets]
        self.ownership.deliver(Records(tp, records))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.001)


async def settled(action: Awaitable[None]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await action


async def test_a_partition_that_stays_works_on_through_a_rebalance() -> None:
    process = Process()
    await process.ownership.on_assigned({LOG[0], LOG[1]})
    stays, goes = process.workers[0], process.workers[1]
    await until(lambda: process.ownership.is_ready)
    stays.gate.clear()
    process.deliver(LOG[0], 1)
    await settled(process.ownership.on_revoked({LOG[0], LOG[1]}))  # waits for no batch
    assert not process.ownership.is_ready
    stays.gate.set()
    await until(lambda: stays.done == [1])
    await settled(process.ownership.on_assigned({LOG[0], LOG[2]}))
    assert stays.calls == ["fence", "restore"]
    assert goes.calls == ["fence", "restore", "pause", "close"]
    process.deliver(LOG[0], 2)
    await until(lambda: stays.done == [1, 2])
    await process.ownership.close()


async def test_without_fencing_all_work_ends_before_the_group_hears_of_it() -> None:
    process = Process(works_through_rebalances=False)
    await process.ownership.on_assigned({LOG[0]})
    worker = process.workers[0]
    await until(lambda: process.ownership.is_ready)
    worker.gate.clear()
    process.deliver(LOG[0], 1)
    await asyncio.sleep(0)
    revoking = asyncio.create_task(process.ownership.on_revoked({LOG[0]}))
    await asyncio.sleep(0.01)
    assert not revoking.done()
    worker.gate.set()
    await settled(revoking)
    assert worker.done == [1]
    await process.ownership.on_assigned({LOG[0]})
    await until(lambda: process.ownership.is_ready)
    assert worker.calls == ["fence", "restore", "pause", "fence", "restore"]
    await process.ownership.close()


async def test_who_was_shut_out_does_nothing_until_the_group_gives_the_partition_back() -> None:
    process = Process()
    await process.ownership.on_assigned({LOG[0]})
    worker = process.workers[0]
    await until(lambda: process.ownership.is_ready)
    worker.error = ProducerFenced()
    process.deliver(LOG[0], 1)
    await until(lambda: not process.ownership.is_ready)
    process.deliver(LOG[0], 2)
    await asyncio.sleep(0.01)
    assert worker.done == []
    assert dict(process.ownership.stalled(10**9))["0"] > 0
    await process.ownership.on_revoked({LOG[0]})
    await process.ownership.on_assigned({LOG[0]})
    process.deliver(LOG[0], 1, 2)
    await until(lambda: worker.done == [1, 2])
    assert process.crashes == []
    await process.ownership.close()


async def test_who_was_shut_out_while_the_group_lets_the_partition_be_his_takes_it_back() -> None:
    process = Process(retake_s=0.05)
    await process.ownership.on_assigned({LOG[0], LOG[1]})
    worker, other = process.workers[0], process.workers[1]
    await until(lambda: process.ownership.is_ready)
    worker.error = ProducerFenced()  # by one who heard of an older rebalance later
    process.deliver(LOG[0], 1)
    await until(lambda: not process.ownership.is_ready)
    process.deliver(LOG[0], 2)
    process.deliver(LOG[1], 7)
    await until(lambda: other.done == [7])  # its turn is not kept while it waits
    assert worker.done == []
    await until(lambda: worker.done == [1, 2])
    assert worker.calls == ["fence", "restore", "discard", "fence", "restore"]
    assert process.ownership.is_ready
    assert dict(process.ownership.stalled(10**9))["0"] == 0.0
    await process.ownership.close()


async def test_a_batch_that_fails_is_done_again_from_what_was_committed() -> None:
    process = Process()
    await process.ownership.on_assigned({LOG[0]})
    worker = process.workers[0]
    await until(lambda: process.ownership.is_ready)
    worker.error = OSError("broker away")
    process.deliver(LOG[0], 1)
    await until(lambda: worker.done == [1])
    assert worker.calls == ["fence", "restore", "discard", "fence", "restore"]
    await process.ownership.close()


async def test_a_partition_of_which_much_waits_is_held_back_and_only_that_one() -> None:
    process = Process()
    await process.ownership.on_assigned({LOG[0], LOG[1]})
    await until(lambda: process.ownership.is_ready)
    process.workers[0].gate.clear()
    for n in range(10):
        process.deliver(LOG[0], n)
        process.deliver(LOG[1], n)
        await asyncio.sleep(0)
    await until(lambda: process.workers[1].done == list(range(10)))
    assert process.held_back == {LOG[0]}
    assert not process.ownership.takes(LOG[0])
    assert process.ownership.takes(LOG[1])
    process.workers[0].gate.set()
    await until(lambda: process.held_back == set())
    await process.ownership.close()


@pytest.mark.parametrize("works_through_rebalances", [False, True])
async def test_silence_is_that_of_the_batch_under_way(works_through_rebalances: bool) -> None:
    process = Process(works_through_rebalances=works_through_rebalances)
    await process.ownership.on_assigned({LOG[0]})
    worker = process.workers[0]
    await until(lambda: process.ownership.is_ready)
    assert dict(process.ownership.stalled(10**9)) == {"0": 0.0}
    worker.gate.clear()
    process.deliver(LOG[0], 1)
    await until(lambda: dict(process.ownership.stalled(10**9))["0"] > 0)
    worker.gate.set()
    await until(lambda: dict(process.ownership.stalled(10**9))["0"] == 0)
    await process.ownership.close()
