"""Worker processes that are killed, frozen and replaced, and what each of them is doing."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families
from worker_process import WorkerHandle

from stream.settings import Settings

RESTORED = "states restored"
LEARNER = "learner restored"
UP = "metrics at "
JOINING = "ConsumerThread]: Starting"
ASK_S = 2.0


@dataclass
class Member:
    """A worker process."""

    number: int
    handle: WorkerHandle
    url: str | None = None
    frozen: bool = False
    owned: set[int] = field(default_factory=set)

    @property
    def is_alive(self) -> bool:
        return self.handle.process.poll() is None

    def lines(self, word: str) -> list[str]:
        """Return the lines of its log that hold a word."""
        return [line for line in self.handle.log.read_text().splitlines() if word in line]


class Crew:
    """Workers of one group.

    Parameters
    ----------
    folder
        Where their logs go.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._started = 0
        self._session: aiohttp.ClientSession | None = None
        self._watch: asyncio.Task[None] | None = None
        self.members: list[Member] = []
        self.ended_alone: list[str] = []
        self.stop_s: list[float] = []

    async def start(self, count: int) -> None:
        """Start so many workers, and keep watch over them."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S))
        for _ in range(count):
            self.add()
        self._watch = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Stop all workers gracefully."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        for member in self.members:
            if member.frozen:
                os.kill(member.handle.process.pid, signal.SIGCONT)
        await asyncio.gather(*(asyncio.to_thread(m.handle.stop) for m in self.members))
        self.members = []
        if self._session is not None:
            await self._session.close()
        if self._watch is not None and not self._watch.cancelled():
            self._watch.result()

    def add(self) -> Member:
        """Start a worker."""
        log = self._folder / f"worker-{self._started:03}.log"
        # From nothing: how long a start takes is a part of what a campaign shows.
        handle = WorkerHandle(self._settings, log, is_prepared=False)
        member = Member(self._started, handle)
        self._started += 1
        self.members.append(member)
        return member

    def kill(self, member: Member) -> Member:
        """Kill a worker, and start another in its place."""
        self.members.remove(member)
        member.handle.process.kill()
        member.handle.process.wait()
        return self.add()

    async def leave(self, member: Member) -> None:
        """Let a worker go as an operator would."""
        self.members.remove(member)
        from_s = time.monotonic()
        await asyncio.to_thread(member.handle.stop)
        self.stop_s.append(time.monotonic() - from_s)
        code = member.handle.process.returncode
        if code != 0:
            self.ended_alone.append(f"worker {member.number} left with code {code}")

    async def freeze(self, member: Member, for_s: float) -> None:
        """Stop a worker in its tracks for a time; it wakes without knowing how late it is."""
        member.frozen = True
        os.kill(member.handle.process.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            os.kill(member.handle.process.pid, signal.SIGCONT)
            member.frozen = False

    def at_work(self) -> list[Member]:
        """Return the workers that run."""
        return [m for m in self.members if m.is_alive and not m.frozen]

    def pick(self, rng: Random) -> Member:
        """Return any worker; one that is only starting has nothing to lose yet."""
        return rng.choice([m for m in self.at_work() if m.url] or self.at_work())

    async def learner(self) -> Member | None:
        """Return the worker that learns: whose word of it is the latest."""
        latest = [
            (orjson.loads(lines[-1])["timestamp"], member.number, member)
            for member in self.at_work()
            if (lines := await asyncio.to_thread(member.lines, LEARNER))
        ]
        return max(latest)[2] if latest else None

    def owner(self, partition: int) -> Member | None:
        """Return the worker that owned a partition of the log when last asked."""
        return next((m for m in self.at_work() if partition in m.owned), None)

    def owners(self) -> dict[int, int]:
        """Return partition -> number of the worker that owned it when last asked."""
        return {number: m.number for m in self.at_work() for number in m.owned}

    async def settled(self, timeout_s: float) -> bool:
        """Wait until every worker is ready and every partition has one owner; False if not."""
        deadline = time.monotonic() + timeout_s
        in_a_row = 0
        while time.monotonic() < deadline:
            members = self.members
            fine = all(await asyncio.gather(*(self._is_ready(m) for m in members)))
            owned = sorted(number for m in members for number in m.owned)
            fine = fine and owned == list(range(self._settings.partitions))
            fine = fine and all(m.owned for m in members)
            in_a_row = in_a_row + 1 if fine else 0
            if in_a_row == 3:
                return True
            await asyncio.sleep(0.25)
        return False

    async def _is_ready(self, member: Member) -> bool:
        if not member.is_alive or member.frozen or not await self._ask(member):
            return False
        if self._session is None:
            return False
        try:
            async with self._session.get(f"{member.url}/health/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _ask(self, member: Member) -> bool:
        """Learn which partitions a worker owns."""
        if member.url is None:
            found = await asyncio.to_thread(member.lines, UP)
            if not found:
                return False
            member.url = found[0].split(UP)[1].split("/metrics")[0]
        if self._session is None:
            return False
        try:
            async with self._session.get(f"{member.url}/metrics") as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return False
        member.owned = {
            int(sample.labels["partition"])
            for family in text_string_to_metric_families(text)
            if family.name == "leadstream_restore_seconds"
            for sample in family.samples
        }
        return True

    async def _look_after(self) -> None:
        """Keep up with who owns what; a worker that ended by itself is replaced."""
        while True:
            for member in list(self.members):
                if member in self.members and not member.is_alive:
                    code = member.handle.process.returncode
                    last = member.handle.log.read_text().splitlines()[-1:]
                    self.ended_alone.append(f"worker {member.number}, code {code}: {last}"[:600])
                    self.members.remove(member)
                    self.add()
            await asyncio.gather(*(self._ask(m) for m in self.at_work()))
            await asyncio.sleep(0.3)
