"""What every benchmark needs: programs under load, the machine's name, figures with spread."""

import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from aiokafka import AIOKafkaConsumer

from stream.bench.mix import MixedEvent
from stream.expected import ExpectedError
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer, partition_of
from stream.kafka.transactions import ToSend, append
from stream.settings import Settings

DEADLINE_S = 300.0
RECORDS_AT_ONCE = 5_000
WORKER = (sys.executable, "-m", "stream", "worker")


class BenchError(ExpectedError, RuntimeError):
    """A benchmark could not be run to its end; the message says why."""


class Program:
    """A process that was started to be measured, with all of its threads.

    Raises
    ------
    BenchError
        From its methods: if it has ended, with the end of what it wrote; if the system has no
        ``/proc``, which Linux alone has.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise if the process has ended."""
        if self._process.returncode is not None:
            raise BenchError(f"a program ended: {self.said()}")

    def said(self) -> str:
        """Return the end of what it wrote."""
        self._log.seek(0)
        return self._log.read()[-2_000:].decode(errors="replace")

    def cpu_s(self) -> float:
        """Return the CPU-seconds that it has taken."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """Return the memory that it holds, and the most that it has held."""
        lines = dict(line.split(":", 1) for line in self._proc("status").splitlines())
        return {
            "rss_bytes": int(lines["VmRSS"].split()[0]) * 1024,
            "peak_rss_bytes": int(lines["VmHWM"].split()[0]) * 1024,
        }

    def _proc(self, name: str) -> str:
        path = Path(f"/proc/{self._process.pid}/{name}")
        if not path.exists():
            self.check()
            raise BenchError("CPU time and memory are read from /proc, which only Linux has")
        return path.read_text()


@asynccontextmanager
async def running(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """Start a program, and end it with the block."""
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **(environment or {})}, stdout=log, stderr=log
        )
        try:
            yield Program(process, log)
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 10.0)
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def prepared(broker: Broker, **given: Any) -> Settings:
    """Return settings of topics of their own on a broker, made ready.

    Every event changes its lead's score, and time is what the events say.

    Raises
    ------
    BenchError
        If exactly-once delivery is asked for and the broker has no transactions.
    """
    own = f"bench-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        **{
            "kafka_bootstrap": broker.bootstrap,
            "app_id": own,
            "topic_prefix": f"{own}-",
            "clock": "event",
            "web_port": 0,
            "log_level": "WARNING",
            "late_grace_s": 1e9,
            "score_step": 0.0,
            "fetch_max_wait_ms": broker.fetch_max_wait_ms,
            **given,
        }
    )
    if settings.delivery == "exactly_once" and not broker.has_transactions:
        raise BenchError("this takes a Kafka with transactions: --kafka jvm, docker or HOST:PORT")
    await ensure_topics(settings)
    return settings


async def send(settings: Settings, events: Iterable[MixedEvent], topic: str | None = None) -> None:
    """Append events to the topics of their types, or all to one; by lead, as trackers do."""
    producer = new_producer(settings)
    await producer.start()
    try:
        waiting: list[ToSend] = []
        for event in events:
            key = event.lead_id.encode()
            where = topic or settings.topic(event.topic)
            waiting.append((where, partition_of(key, settings.partitions), key, event.value, []))
            if len(waiting) >= RECORDS_AT_ONCE:
                await append(producer, waiting)
                waiting = []
        if waiting:
            await append(producer, waiting)
    finally:
        await producer.stop()


async def wait_for_scores(
    reader: AIOKafkaConsumer, count: int, *programs: Program, deadline_s: float = DEADLINE_S
) -> None:
    """Read until so many more score changes have come.

    Raises
    ------
    BenchError
        If a program ends before, or the deadline comes first.
    """
    started_s = time.monotonic()
    while count > 0:
        for program in programs:
            program.check()
        for batch in (await reader.getmany(timeout_ms=100)).values():
            count -= sum(is_score(record.value) for record in batch)
        if time.monotonic() - started_s > deadline_s:
            said = programs[0].said() if programs else ""
            raise BenchError(f"{count} score changes are missing after {deadline_s:g} s: {said}")


def is_score(value: bytes | None) -> bool:
    """Tell whether a record of scores is one: a change of segment answers no event by itself."""
    return value is not None and not value.startswith(b'{"type":"segment_changed"')


def machine() -> dict[str, Any]:
    """Return what figures depend on."""
    cpu = platform.processor()
    about = Path("/proc/cpuinfo")
    if about.exists():
        models = [line for line in about.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    return {"python": platform.python_version(), "cpu": cpu, "cores": os.cpu_count()}


def spread(values: Sequence[float], digits: int = 1) -> list[float]:
    """Return the least, the median and the most.

    >>> spread([3.0, 1.0, 2.0])
    [1.0, 2.0, 3.0]
    """
    return [round(f(values), digits) for f in (min, statistics.median, max)]
