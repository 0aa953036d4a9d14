"""A campaign: steady input, faults of workers and brokers meanwhile, and then an exact check."""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from checks import Verdict, check
from worker_process import own_settings

from faults.cluster import Cluster
from faults.crew import Crew
from faults.feed import SteadyFeed
from faults.pauses import commit_times, ends_of_states, longest_gap_s, measure_pauses
from faults.plan import Fault, plan_faults
from faults.prefill import prefill
from faults.steps import Steps
from faults.watch import UncommittedWatch, count_aborted
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.lag import LagMeter
from stream.settings import Settings

WORKERS = 3
PARTITIONS = 8
DRAIN_S = 240.0
RECOVERY_S = 10.0
"""What a broker's fault may still hold up after it is over."""


@dataclass(frozen=True)
class Options:
    """What a campaign is to be."""

    seed: int = 1
    kills: int = 20
    broker_kills: int = 4
    rebalances: int = 6
    upgrades: int = 0
    rate: float = 150.0
    leads: int = 0
    delivery: Literal["exactly_once", "at_least_once"] = "exactly_once"


@dataclass
class Report:
    """What happened and what was found."""

    options: Options
    session_timeout_s: float
    verdict: Verdict = field(default_factory=Verdict)
    events_sent: int = 0
    drained: bool = False
    behind: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    broker_kills: int = 0
    leader_moves: int = 0
    leader_elections: int = 0
    rebalances: Counter[str] = field(default_factory=Counter)
    stop_s: list[float] = field(default_factory=list)
    pauses: dict[str, Any] = field(default_factory=dict)
    longest_gap_s: float = 0.0
    unsettled: list[str] = field(default_factory=list)
    ended_alone: list[str] = field(default_factory=list)
    aborted_records: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    elapsed_s: float = 0.0

    def failures(self) -> list[str]:
        """Return everything for which the campaign failed."""
        found = self.verdict.faults(self.options.delivery)
        if not self.drained:
            found.append(f"not drained after {DRAIN_S:g} s: {self.behind}")
        # More may be there: a sender that met the loss of a broker may have repeated itself.
        if self.verdict.events_in < self.events_sent:
            found.append(f"{self.events_sent} events sent, {self.verdict.events_in} in Kafka")
        return found

    def summary(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        verdict = self.verdict
        return {
            **asdict(self.options),
            "events_sent": self.events_sent,
            "events_in": verdict.events_in,
            "events_applied": verdict.events_applied,
            "events_refused": verdict.events_refused,
            "events_of_no_lead": verdict.events_of_no_lead,
            "outputs": dict(verdict.outputs),
            "lost": len(verdict.lost),
            "duplicate_outputs": len(verdict.duplicate_outputs),
            "conflicting_outputs": len(verdict.conflicting_outputs),
            "state_mismatches": len(verdict.state_mismatches),
            "repeated_in_log": verdict.repeated_in_log,
            "repeated_letters": verdict.repeated_letters,
            "letters_of_two_contents": verdict.letters_of_two_contents,
            "aborted_records": self.aborted_records,
            "kills": {**self.kills, "total": self.kills.total()},
            "broker_kills": self.broker_kills,
            "leader_moves": self.leader_moves,
            "leader_elections": self.leader_elections,
            "rebalances": {**self.rebalances, "total": self.rebalances.total()},
            **self.pauses,
            "longest_stop_s": round(max(self.stop_s, default=0.0), 3),
            "longest_gap_s": round(self.longest_gap_s, 3),
            "session_timeout_s": self.session_timeout_s,
            "drained": self.drained,
            "unsettled": self.unsettled,
            "ended_alone": self.ended_alone,
            "elapsed_s": round(self.elapsed_s, 1),
            "faults": self.faults,
        }


class Campaign:
    """One campaign on three running brokers.

    Parameters
    ----------
    folder
        Where the workers' logs go.
    """

    def __init__(self, kafka: JvmKafka, options: Options, folder: Path) -> None:
        self._kafka = kafka
        self._options = options
        self._folder = folder
        self._started_s = time.monotonic()
        self._done = 0
        self._disturbed: list[tuple[float, float]] = []
        self._progress = asyncio.Condition()
        self.settings = settings_of(kafka, options)
        self.report = Report(options, self.settings.session_timeout_s)

    async def run(self, say: Any = lambda _: None) -> Report:
        """Let it all happen, and check."""
        settings, options, report = self.settings, self._options, self.report
        self._say = say
        await ensure_topics(settings)
        cluster = Cluster(self._kafka, settings, Random(f"{options.seed}/brokers"))
        await asyncio.to_thread(cluster.wait_in_sync)
        idle = await prefill(settings, options.leads)
        begins = await ends_of_states(settings)
        crew, watch = Crew(settings, self._folder), UncommittedWatch(settings)
        feed = SteadyFeed(settings, options.rate, options.seed)
        # A worker that restores a million states takes its time to be ready.
        settle_s = 90.0 + options.leads / 5_000
        rng = Random(f"{options.seed}/workers")
        steps = Steps(settings, crew, watch, rng, settle_s, self._record)
        try:
            await crew.start(WORKERS)
            if not await crew.settled(settle_s):
                raise RuntimeError(f"the workers did not become ready; logs in {self._folder}")
            await watch.start()
            self._say("workers are ready, events flow")
            feeding = asyncio.create_task(feed.run())
            from_s = time.time()
            await self._strike(steps, cluster)
            to_s = time.time()
            await feed.end()
            await feeding
            self._say(f"{feed.sent} events sent, draining")
            await self._drain()
        finally:
            await watch.stop()
            await crew.stop()
        report.events_sent = feed.sent
        report.broker_kills, report.leader_moves = cluster.kills, cluster.leader_moves
        report.leader_elections = cluster.elections
        report.unsettled, report.ended_alone = steps.unsettled, crew.ended_alone
        report.stop_s = crew.stop_s
        report.rebalances = Counter(r.kind for r in steps.rebalances)
        self._say("checking")
        times = await commit_times(settings, begins)
        report.aborted_records = await count_aborted(settings)
        report.pauses = measure_pauses(steps.rebalances, times, self._disturbed)
        report.longest_gap_s = max(longest_gap_s(t, from_s, to_s) for t in times.values())
        report.verdict = await check(settings, idle)
        report.elapsed_s = time.monotonic() - self._started_s
        return report

    async def _strike(self, steps: Steps, cluster: Cluster) -> None:
        """Let workers and brokers fail, independently of each other."""
        options = self._options
        plan = plan_faults(options.kills, options.rebalances, options.seed, options.upgrades)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike_workers(steps, plan))
            group.create_task(self._strike_brokers(cluster, len(plan)))

    async def _strike_workers(self, steps: Steps, plan: list[Fault]) -> None:
        for fault in plan:
            await steps.carry_out(fault)
            async with self._progress:
                self._done += 1
                self._progress.notify_all()

    async def _strike_brokers(self, cluster: Cluster, faults: int) -> None:
        """Move leaders and kill brokers, evenly over the faults of workers."""
        count = 2 * self._options.broker_kills
        for number in range(count):
            due = int(faults * (number + 0.5) / count)
            async with self._progress:
                await self._progress.wait_for(lambda due=due: self._done >= due)
            from_s = time.time()
            if number % 2:
                self._record("broker", await cluster.kill_one())
            else:
                self._record("leaders", await cluster.move_leaders())
            self._disturbed.append((from_s, time.time() + RECOVERY_S))

    async def _drain(self) -> None:
        meter = LagMeter(self.settings)
        await meter.start()
        try:
            deadline = time.monotonic() + DRAIN_S
            while time.monotonic() < deadline:
                if await meter.is_drained():
                    self.report.drained = True
                    return
                await asyncio.sleep(0.5)
            self.report.behind = [f"{w}: {b}" for w, b in (await meter.behind()).items()]
        finally:
            await meter.stop()

    def _record(self, kind: str, what: str) -> None:
        at_s = round(time.monotonic() - self._started_s, 3)
        self.report.faults.append({"at_s": at_s, "kind": kind, "what": what})
        if kind not in {"broker", "leaders", "rebalance", "upgrade", "unsettled"}:
            self.report.kills[kind] += 1
        self._say(f"{at_s:8.1f} s  {kind:15} {what}")


def settings_of(kafka: JvmKafka, options: Options) -> Settings:
    """Return a campaign's settings: topics and group of its own, short timeouts."""
    return own_settings(
        kafka,
        partitions=PARTITIONS,
        replication=kafka.brokers,
        delivery=options.delivery,
        # While workers are away simulated days go by: lateness and repeats span as many.
        late_grace_s=3e6,
        duplicate_window_s=3e6,
        session_timeout_s=6.0,
        checkpoint_interval_s=5.0,
        # The fold afterwards asks for every version that the log names.
        model_versions_kept=1_000_000,
        actions_file=str(Path(__file__).parent / "actions.toml"),
        policy_challengers="gaussian_thompson,lin_ucb",
        exploration_ratio=0.3,
        holdout_share=0.1,
    )
