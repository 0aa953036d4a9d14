"""Carries out one fault of a worker after another, each at the moment that its kind asks for."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import orjson
from worker_process import START_S

from faults.crew import JOINING, RESTORED, Crew, Member
from faults.plan import Fault, Kind
from faults.watch import UncommittedWatch
from schemas import topics
from stream.kafka.clients import partition_of
from stream.settings import Settings

MOMENT_S = 15.0
"""How long a moment is waited for before any moment will do."""
SUB_BATCH_S = 0.01
WORKERS = (2, 4)


@dataclass(frozen=True)
class Rebalance:
    """A graceful one: from when to when (epoch seconds), and which partitions moved."""

    kind: str
    from_s: float
    to_s: float
    moved: frozenset[int]
    others: frozenset[int]
    settled: bool


class Steps:
    """The faults of workers.

    Parameters
    ----------
    record
        Told of each fault's kind, and in words what happened.
    """

    def __init__(
        self,
        settings: Settings,
        crew: Crew,
        watch: UncommittedWatch,
        rng: Random,
        settle_s: float,
        record: Callable[[str, str], None],
    ) -> None:
        self._settings = settings
        self._crew = crew
        self._watch = watch
        self._rng = rng
        self._settle_s = settle_s
        self._record = record
        self.rebalances: list[Rebalance] = []
        self.unsettled: list[str] = []

    async def carry_out(self, fault: Fault) -> None:
        """Carry out a fault."""
        await asyncio.sleep(fault.after_s)
        match fault.kind:
            case "any":
                self._kill(self._crew.pick(self._rng), "any")
            case "restoring":
                await self._kill_restoring()
            case "frozen_scorer" | "frozen_learner":
                await self._freeze(fault.kind)
            case "rebalance":
                await self._rebalance()
            case "upgrade":
                await self._upgrade()
            case _:
                await self._kill_at_moment(fault.kind)

    def _kill(self, victim: Member, kind: Kind, moment: str = "") -> Member:
        number = victim.number
        successor = self._crew.kill(victim)
        self._record(kind, f"worker {number} killed{moment}, {successor.number} in its place")
        return successor

    async def _kill_at_moment(self, kind: Kind) -> None:
        """Kill whoever has just written, likely before it commits."""
        victim, moment = await self._writer(kind)
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.uniform(0, SUB_BATCH_S))
        if victim is None:
            self._kill(self._crew.pick(self._rng), "any", f" ({kind} did not come)")
        else:
            self._kill(victim, kind, moment)

    async def _writer(self, kind: Kind) -> tuple[Member | None, str]:
        """Wait for the moment of a kind; return whose moment it is."""
        deadline = time.monotonic() + MOMENT_S
        learner = await self._crew.learner()
        while (left_s := deadline - time.monotonic()) > 0:
            if kind in {"snapshot", "frozen_learner"}:
                record = await self._watch.next(topics.MODEL_SNAPSHOTS, left_s)
                if record is not None and learner is not None and learner.is_alive:
                    return learner, f" after writing {record.key.decode()}"
                learner = await self._crew.learner()
            elif kind == "merging":
                record = await self._watch.next(topics.LEAD_FORWARDS, left_s)
                if record is None:
                    continue
                body = orjson.loads(record.value)
                source = partition_of(body["path"][-1].encode(), self._settings.partitions)
                if body["type"] == "lead_moved" and (victim := self._crew.owner(source)):
                    return victim, f" after lead_moved from partition {source}"
            else:
                record = await self._watch.next(topics.LEAD_SCORES, left_s)
                if record is not None and (victim := self._crew.owner(record.partition)):
                    return victim, f" after a score of partition {record.partition}"
        return None, ""

    async def _kill_restoring(self) -> None:
        """Kill a successor before it has its states, or when it has the first of them."""
        successor = self._kill(self._crew.pick(self._rng), "any")
        await self._wait_for_line(successor, JOINING, START_S)
        to_first = self._rng.random() < 0.5
        wait_s = START_S if to_first else self._rng.uniform(0, 4.0)
        await self._wait_for_line(successor, RESTORED, wait_s)
        if successor not in self._crew.members:
            self._record("any", "the successor ended before it could be killed")
            return
        restored = len(successor.lines(RESTORED))
        self._kill(successor, "restoring", f" with {restored} partitions restored")

    async def _wait_for_line(self, member: Member, word: str, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        # A file tells nobody that it grew.
        while (  # noqa: ASYNC110
            time.monotonic() < deadline and member.is_alive and not member.lines(word)
        ):
            await asyncio.sleep(0.005)

    async def _freeze(self, kind: Kind) -> None:
        """Stop a worker in its tracks until others have its partitions, then let it go on."""
        for_s = self._settings.session_timeout_s + self._rng.uniform(1.5, 4.0)
        victim: Member | None
        if kind == "frozen_learner" or self._rng.random() < 0.6:
            victim, moment = await self._writer(kind)
        else:
            victim, moment = self._crew.pick(self._rng), ""
        victim = victim or self._crew.pick(self._rng)
        if len(self._crew.at_work()) < 2:
            self._kill(victim, "any", f" ({kind} would leave none at work)")
            return
        self._record(kind, f"worker {victim.number} frozen{moment} for {for_s:.1f} s")
        await self._crew.freeze(victim, for_s)

    async def _rebalance(self) -> None:
        """Let a worker join or leave, and wait until all partitions are worked on again."""
        crew = self._crew
        await self._settle("before a rebalance")
        low, high = WORKERS
        count = len(crew.members)
        joins = count < high and (count <= low or self._rng.random() < 0.5)
        if joins:
            await self._join("rebalance")
        else:
            await self._leave("rebalance", crew.pick(self._rng))

    async def _upgrade(self) -> None:
        """Replace every worker, one after the other: the next joins before the former leaves."""
        await self._settle("before an upgrade")
        for former in list(self._crew.members):
            await self._join("upgrade")
            if former in self._crew.members:  # it may have ended with a broker
                await self._leave("upgrade", former)

    async def _join(self, fault: Kind) -> None:
        before, from_s = self._crew.owners(), time.time()
        member = self._crew.add()
        await self._follow(fault, "join", member, before, from_s)

    async def _leave(self, fault: Kind, member: Member) -> None:
        before, from_s = self._crew.owners(), time.time()
        await self._crew.leave(member)
        await self._follow(fault, "leave", member, before, from_s)

    async def _follow(
        self, fault: Kind, kind: str, member: Member, before: dict[int, int], from_s: float
    ) -> None:
        """Wait until all partitions are worked on again; keep which of them moved."""
        settled = await self._settle(f"after worker {member.number} {kind}")
        after = self._crew.owners()
        moved = frozenset(n for n in after if after[n] != before.get(n, after[n]))
        others = frozenset(n for n in after if after[n] == before.get(n))
        self.rebalances.append(
            Rebalance(kind, from_s, time.time(), moved, others, settled and len(before) > 0)
        )
        self._record(fault, f"worker {member.number} {kind}, partitions {sorted(moved)} moved")

    async def _settle(self, when: str) -> bool:
        settled = await self._crew.settled(self._settle_s)
        if not settled:
            owners = {m.number: sorted(m.owned) for m in self._crew.members}
            self.unsettled.append(f"{when}, after {self._settle_s:g} s: {owners}")
            self._record("unsettled", self.unsettled[-1])
        return settled
