"""The partitions that this process owns: who works on which, kept over rebalances."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator

from faust.types import TP

from stream.kafka.lane import Flow, Lane, Worker
from stream.kafka.transport import Records

BATCHES_AT_ONCE = 2
"""Batches of one role under way at the same time: one computes while another waits for Kafka."""


class Ownership:
    """Gives each owned partition a lane, and each batch to the lane of its partition.

    Parameters
    ----------
    make
        Partition -> the lane's name and the maker of its worker; partitions of the same name
        share a lane. None for partitions that are not worked on here.
    flow
        Returns what holds fetching back.
    on_crash
        Told when a worker gave up: the process should end, so that another takes over.
    retake_s
        How long who was shut out waits for the group to say so (see ``Lane``).
    """

    def __init__(
        self,
        make: Callable[[TP], tuple[Hashable, Callable[[], Worker]] | None],
        flow: Callable[[], Flow],
        on_crash: Callable[[BaseException], None],
        retake_s: float,
    ) -> None:
        self._make = make
        self._flow = flow
        self._on_crash = on_crash
        self._retake_s = retake_s
        self._lanes: dict[Hashable, Lane] = {}
        self._names: dict[TP, Hashable] = {}
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(BATCHES_AT_ONCE)
        )
        self._assigned = False
        self._rebalancing_s = time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether the group has given this process its share, and all of it is restored."""
        return self._assigned and all(lane.is_restored for lane in self._lanes.values())

    def stalled(self, now_s: float) -> Iterator[tuple[str, float]]:
        """Yield each lane's name and how long its piece of work has taken, in seconds."""
        for lane in list(self._lanes.values()):
            yield lane.name, lane.silence_s(now_s)
        if not self._assigned:
            yield "rebalance", now_s - self._rebalancing_s

    def takes(self, tp: TP) -> bool:
        """Tell whether records of a partition are worked on here and are not held back."""
        lane = self._lanes.get(self._names.get(tp))
        return lane is not None and lane.is_restored and not lane.is_full(tp)

    def workers(self, role: str) -> list[Worker]:
        """Return the workers at work in a role."""
        return [lane.worker for lane in self._lanes.values() if lane.worker.role == role]

    def deliver(self, records: Records) -> None:
        """Hand a batch to its partition's lane; dropped if the partition has just gone."""
        lane = self._lanes.get(self._names.get(records.tp))
        if lane is not None:
            lane.put(records)

    @property
    def is_assigned(self) -> bool:
        """Whether no rebalance is under way."""
        return self._assigned

    async def on_revoked(self, revoked: set[TP]) -> None:
        """Note that a rebalance begins; who is not shut out by a new owner stops now.

        The others go on with what they have: a rebalance stops only what moves.
        """
        self._assigned, self._rebalancing_s = False, time.monotonic()
        names = {self._names.pop(tp) for tp in revoked if tp in self._names}
        await asyncio.gather(
            *(
                lane.pause()
                for name, lane in self._lanes.items()
                if name in names and not lane.worker.works_through_rebalances
            )
        )

    async def on_assigned(self, assigned: set[TP]) -> None:
        """Take over; a partition that comes back keeps its worker and its state."""
        makers = {}
        for tp in assigned:
            made = self._make(tp)
            if made is not None:
                self._names[tp], makers[made[0]] = made
        gone = [self._lanes.pop(name) for name in list(self._lanes) if name not in makers]
        await asyncio.gather(*(lane.close() for lane in gone))
        starting = []
        for name, maker in makers.items():
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = self._lane(str(name), maker())
            # Fetching begins anew at what was committed, which brings what waits here as well.
            lane.clear()
            if lane.is_running:
                lane.keep()
            else:
                starting.append(lane)
        await asyncio.gather(*(lane.start(self._on_crash) for lane in starting))
        self._assigned = True

    async def close(self) -> None:
        """Finish and let go of everything."""
        lanes = list(self._lanes.values())
        self._lanes, self._names = {}, {}
        await asyncio.gather(*(lane.close() for lane in lanes))

    def _lane(self, name: str, worker: Worker) -> Lane:
        return Lane(name, worker, self._flow, self._turns[worker.role], self._retake_s)
