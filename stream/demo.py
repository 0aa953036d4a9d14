"""The demo: a development broker, simulated leads and a worker, and what comes out of it."""

import asyncio
import contextlib
import os
import statistics
import sys
import time
import webbrowser
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table

from online_models.metrics import auc
from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.choose import open_broker
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.clients import new_reader
from stream.kafka.feeder import Feeder, FeedError
from stream.lead.outputs import epoch_s
from stream.settings import Settings
from stream.simulator import Simulation

HOTTEST = 12
START_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 300.0


class Demo:
    """Runs the demo once.

    Parameters
    ----------
    kafka
        ``embedded``, ``jvm``, ``docker`` or ``HOST:PORT``.
    events
        How many events; None runs until interrupted.
    rate
        Events per second at most; 0 is as fast as the worker follows.
    quiet
        Show nothing while running.
    opens
        Open the console in the user's browser.
    """

    def __init__(
        self,
        kafka: str,
        events: int | None,
        seed: int,
        rate: float,
        *,
        quiet: bool,
        opens: bool = False,
    ) -> None:
        self._kafka = kafka
        self._events = events
        self._rate = rate
        self._quiet = quiet
        self._opens = opens
        # Simulated days lie in the past, so that the future stays refused.
        days = 70 if events is None else max(70, events // 250)
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._simulation = Simulation(
            events=events, seed=seed, start=start - timedelta(days=days * 1.25)
        )
        self._sent_s: dict[str, float] = {}
        self._latencies_s: list[float] = []
        self._scores: dict[str, list[tuple[float, float]]] = {}
        self._latest: dict[str, dict[str, Any]] = {}
        self._counts: Counter[str] = Counter()
        self._triggers: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._url = ""

    async def run(self) -> dict[str, Any]:
        """Run, and return the summary."""
        broker = open_broker(self._kafka)
        # Once, before anything else runs here: starting a JVM may block for seconds.
        with broker:
            settings = self._settings(broker)
            await _declare_topics(broker, settings)
            process = await self._start_worker(settings)
            print(f"console at {self._url}/console/", file=sys.stderr)
            if self._opens:
                webbrowser.open(f"{self._url}/console/")
            reader = asyncio.create_task(self._read(settings))
            try:
                elapsed_s = await self._feed(settings, process)
                await asyncio.sleep(0.5)  # outputs of the last batch are still on their way
            finally:
                reader.cancel()
                await asyncio.wait([reader])
                await _stop(process)
            return self._summary(broker, elapsed_s)

    def _settings(self, broker: Broker) -> Settings:
        own = f"demo-{os.getpid()}-{int(time.time())}"
        return Settings(
            kafka_bootstrap=broker.bootstrap,
            app_id=own,
            # A Kafka that others use keeps the demo's topics apart from theirs.
            topic_prefix=f"{own}-" if broker.kind == "external" else "",
            delivery="exactly_once" if broker.has_transactions else "at_least_once",
            clock="event",
            partitions=4,
            web_port=0,
            console=True,
            log_level="WARNING",
            tick_interval_s=1.0,
            fetch_max_wait_ms=broker.fetch_max_wait_ms,
        )

    async def _start_worker(self, settings: Settings) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stream",
            "worker",
            env={**os.environ, **settings.environment()},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._url = await _started(process)
        except TimeoutError:
            process.kill()
            raise FeedError(
                f"the worker did not start within {START_TIMEOUT_S:g} s; run `leadstream worker` "
                "to see why"
            ) from None
        return process

    async def _feed(self, settings: Settings, process: asyncio.subprocess.Process) -> float:
        feeder = Feeder(settings, max_lag=2_000)
        await feeder.start()
        started_s = time.monotonic()
        try:
            with self._screen() as screen:
                for event in self._simulation:
                    self._remember(event.value)
                    await feeder.send(event.topic, event.key, event.value, event.arrives_at)
                    if self._rate:
                        ahead_s = started_s + feeder.sent / self._rate - time.monotonic()
                        if ahead_s > 0.002:
                            await asyncio.sleep(ahead_s)
                    if feeder.sent % 100 == 0:
                        await asyncio.sleep(0)
                        if screen is not None:
                            screen.update(self._table(feeder.sent))
                        if process.returncode is not None:
                            raise FeedError("the worker ended; its last lines are above")
                await feeder.drain(DRAIN_TIMEOUT_S)
        except (asyncio.CancelledError, KeyboardInterrupt):
            pass  # asked to stop: the summary is of what there was
        finally:
            self._counts["events"] = feeder.sent
            with contextlib.suppress(Exception):
                await feeder.stop()
        return time.monotonic() - started_s

    def _remember(self, value: bytes) -> None:
        with contextlib.suppress(orjson.JSONDecodeError, TypeError, KeyError):
            self._sent_s.setdefault(orjson.loads(value)["event_id"], time.time())

    async def _read(self, settings: Settings) -> None:
        reader = new_reader(
            settings,
            *(
                settings.topic(t.name)
                for t in (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, topics.DEAD_LETTERS)
            ),
        )
        await reader.start()
        try:
            async for record in reader:
                self._take_in(orjson.loads(record.value))
        finally:
            await reader.stop()

    def _take_in(self, body: dict[str, Any]) -> None:
        match body["type"]:
            case "score_changed":
                self._counts["score_changes"] += 1
                sent_s = self._sent_s.get(body["cause_event_id"])
                if sent_s is not None:
                    self._latencies_s.append(time.time() - sent_s)
                at_s = epoch_s(body["occurred_at"])
                self._scores.setdefault(body["lead_id"], []).append((at_s, body["p_convert"]))
                self._latest[body["lead_id"]] = body
            case "nurture_triggered":
                self._triggers[body["rule"]] += 1
            case "dead_letter":
                self._refused[body["reason"]] += 1

    def _summary(self, broker: Broker, elapsed_s: float) -> dict[str, Any]:
        truth = self._simulation.truth
        y, p = [], []
        for lead_id, lead in truth.leads.items():
            if lead.result is None or lead.decided_at_s is None:
                continue
            before = [c for at_s, c in self._scores.get(lead_id, ()) if at_s < lead.decided_at_s]
            if before:
                y.append(lead.result == "won")
                p.append(before[-1])
        quality = auc(y, p)
        latencies_ms = sorted(1000 * s for s in self._latencies_s)
        events = self._counts["events"]
        return {
            "events": events,
            "events_per_s": round(events / elapsed_s, 1),
            "leads": len(self._latest),
            "score_changes": self._counts["score_changes"],
            "triggers": sum(self._triggers.values()),
            "triggers_by_rule": dict(self._triggers.most_common()),
            "dead_letters": sum(self._refused.values()),
            "dead_letters_by_reason": dict(self._refused.most_common()),
            "decided_leads": len(y),
            "auc": None if quality is None else round(quality, 3),
            "latency_p50_ms": _quantile(latencies_ms, 50),
            "latency_p99_ms": _quantile(latencies_ms, 99),
            "broker": f"{broker.kind} ({broker.version})",
            "delivery": "exactly_once" if broker.has_transactions else "at_least_once",
        }

    def _screen(self) -> contextlib.AbstractContextManager[Live | None]:
        if self._quiet:
            return contextlib.nullcontext()
        return Live(self._table(0), console=Console(), refresh_per_second=2)

    def _table(self, sent: int) -> Table:
        table = Table(
            title=f"hottest leads after {sent:,} events · "
            f"{self._counts['score_changes']:,} score changes · "
            f"{sum(self._triggers.values()):,} triggers · "
            f"{sum(self._refused.values()):,} dead letters",
            caption=f"console at {self._url}/console/ · Ctrl-C stops with a summary",
        )
        for name in ("lead", "score", "tier", "p(convert)", "points", "why"):
            table.add_column(name, overflow="fold" if name == "why" else "ellipsis")
        named = (b for b in self._latest.values() if not b["lead_id"].startswith("anon:"))
        for body in sorted(named, key=lambda b: -b["score"])[:HOTTEST]:
            why = [
                r["text"]
                for r in body["reasons"]
                if r["contribution"] > 0 and r["feature"] not in {"other", "baseline"}
            ]
            table.add_row(
                body["lead_id"],
                f"{body['score']:.0f}",
                body["tier"],
                f"{100 * body['p_convert']:.1f} %",
                f"{body['points']:.0f}",
                ", ".join(why[:3]),
            )
        return table


async def _declare_topics(broker: Broker, settings: Settings) -> None:
    if isinstance(broker, EmbeddedKafka):
        for topic in topics.TOPICS:
            broker.create_topic(settings.topic(topic.name), topic.partitions or settings.partitions)
    else:
        await ensure_topics(settings)


async def _started(process: asyncio.subprocess.Process) -> str:
    """Wait for the worker's word that it is up; return its URL, and let its log through."""
    stderr = process.stderr
    if stderr is None:
        raise RuntimeError("the worker's standard error is not a pipe")
    while line := await stderr.readline():
        if b"metrics at " in line:
            task = asyncio.create_task(_pass_through(stderr))
            _BACKGROUND.add(task)
            return line.decode().split("metrics at ")[1].removesuffix("/metrics\n")
        sys.stderr.buffer.write(line)
    raise FeedError("the worker ended before it was up; its last lines are above")


_BACKGROUND: set[asyncio.Task[None]] = set()


async def _pass_through(stderr: asyncio.StreamReader) -> None:
    while line := await stderr.readline():
        sys.stderr.buffer.write(line)
        sys.stderr.flush()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _quantile(ordered: list[float], percent: int) -> float | None:
    if len(ordered) < 2:
        return None
    return round(statistics.quantiles(ordered, n=100)[percent - 1], 1)
