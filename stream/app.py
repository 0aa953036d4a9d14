"""The one place of wiring: settings in, a running worker out."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import faust
import structlog
from faust.types import TP
from yarl import URL

from schemas import topics
from stream.agents.learn import LearnWorker, learn
from stream.agents.route import RouteWorker, route
from stream.agents.score import ScoreWorker, score
from stream.console.serving import ServedConsole
from stream.kafka.authorization import check_rights, watch_rights
from stream.kafka.event_loop import told_to_end
from stream.kafka.lag import observe_lag
from stream.kafka.lane import Worker
from stream.kafka.ownership import Ownership
from stream.kafka.snapshots import SnapshotFollower, read_snapshots
from stream.kafka.transactions import PartitionProducer, SharedProducer
from stream.kafka.transport import BatchScheduler, BatchTopic, Transport, credentials
from stream.lead.routing import Router
from stream.logs import fault_of
from stream.models import SnapshotStore
from stream.rights import rights
from stream.roles import ROLES, WIRING, Role
from stream.settings import Settings
from stream.stored_states import explain
from stream.watchdog import Watchdog
from stream.web import WebServer

log = structlog.get_logger(__name__)

INPUTS: Mapping[Role, Sequence[str]] = {
    role: [topic.name for topic in wiring.consumes] for role, wiring in WIRING.items()
}
STOP_S = 10.0
EVICTED_AFTER = 0.9
"""Share of the session timeout: the last heartbeat may be a tenth of it old."""
LEARNING_DUTY = 0.1
"""Share of the time for learning, while examples wait, in a process that also scores."""
COMMIT_INTERVAL_S = 0.05
"""Between commits of how far inputs are done."""


class WorkerProcess:
    """A worker: the agents of its roles, their partitions, metrics and health.

    Parameters
    ----------
    settings
        Everything that is configurable.
    roles
        Which agents run here; processes of different roles share the work of one group.
    """

    def __init__(self, settings: Settings, roles: Sequence[Role] = ROLES) -> None:
        self._settings = settings
        self._roles = roles
        self._house = settings.house()
        self._store = SnapshotStore()
        self._follower = SnapshotFollower(settings, self._store)
        self._router = Router(
            settings.email_key.get_secret_value().encode(),
            self._house.sealer,
            replayed=settings.clock == "event",
            future_tolerance_s=settings.future_tolerance_s,
            reader=settings.text_reader() if "route" in roles else None,
        )
        self._shared = SharedProducer(settings, self)
        self._offsets: dict[TP, int] = {}
        self._fetched: dict[TP, tuple[int, float]] = {}
        self._watchdog = Watchdog(settings.stall_timeout_s, self._stalled)
        self._crash: asyncio.Future[None] | None = None
        self.ownership = Ownership(
            self._make, self._flow, self._on_crash, 2 * settings.session_timeout_s
        )
        self.faust = self._faust_app()
        # Other roles have no right to read what it shows.
        shown = settings.console and "score" in roles
        self._console = ServedConsole(settings, self._store, self._health) if shown else None
        self.web = WebServer(
            settings.web_host,
            settings.web_port,
            self._is_ready,
            self._observe,
            # Other roles have no right to read the states.
            partial(explain, settings) if "score" in roles else None,
            settings.web_token.get_secret_value(),
            None if self._console is None else self._console.pages,
        )

    async def run(self, started: Callable[[str], None] = lambda _: None) -> None:
        """Work until asked to stop (SIGTERM, SIGINT); raise what made it impossible to go on.

        Parameters
        ----------
        started
            Called with the base URL of metrics and health when the worker is up.
        """
        self._crash = asyncio.get_running_loop().create_future()
        stopping = told_to_end()
        needed = rights(self._settings, self._roles, self._settings.kafka_sasl_username)
        await check_rights(self._settings, needed)
        await self._follower.start()
        url = await self.web.start()
        try:
            self._watchdog.start()
            if self._console is not None:
                self._console.start()
            # Before the engine starts, which may take long: it also says that the loop turns.
            commits = asyncio.create_task(self._commit_regularly())
            await self.faust.start()
            started(url)
            asked = asyncio.create_task(stopping.wait())
            watch = asyncio.create_task(self._watch())
            denied = asyncio.create_task(watch_rights(self._settings, needed))
            ends: set[asyncio.Future[Any]] = {asked, watch, commits, denied, self._crash}
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in (asked, watch, commits, denied):
                task.cancel()
            if denied in done:
                denied.result()
            await self.ownership.close()
            if not self._crash.done():
                await self._commit()
            if self._crash.done():
                self._crash.result()
        finally:
            self._watchdog.stop()
            await self._stop()

    async def _stop(self) -> None:
        # A part that is broken must not keep the others from ending, nor the process from going.
        consoles = () if self._console is None else (self._console,)
        for part in (self.faust, self._follower, *consoles, self.web):
            try:
                async with asyncio.timeout(STOP_S):
                    await part.stop()
            except Exception as error:
                log.warning("could not be stopped", part=type(part).__name__, error=fault_of(error))
        await self._shared.close()

    def end_if_frozen(self) -> None:
        """End a process that others have taken over from, where no transaction shuts it out."""
        if self._settings.delivery == "at_least_once":
            self._watchdog.end_if_frozen(EVICTED_AFTER * self._settings.session_timeout_s)

    def note_offset(self, topic: str, partition: int, offset: int) -> None:
        """Note how far an input is done; committed soon, and before its partition goes."""
        self._offsets[TP(topic, partition)] = offset

    async def on_revoked(self, revoked: set[TP]) -> None:
        """Let the partitions' work end, and commit it before the group hears of it."""
        await self.ownership.on_revoked(revoked)
        await self._commit()

    async def on_assigned(self, assigned: set[TP]) -> None:
        """Take over these partitions."""
        self._offsets = {tp: offset for tp, offset in self._offsets.items() if tp in assigned}
        try:
            await self.ownership.on_assigned(assigned)
        except Exception as error:
            # Faust would go on without them, and say nothing.
            self._on_crash(error)
            raise

    async def _commit(self) -> None:
        offsets, self._offsets = self._offsets, {}
        if offsets:
            await self.faust.consumer.commit_offsets(offsets)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_INTERVAL_S)
            self.end_if_frozen()
            self._watchdog.beat()
            if self.ownership.is_assigned:
                await self._commit()

    def _faust_app(self) -> Any:
        settings = self._settings
        role_of = {settings.topic(name): role for role, names in INPUTS.items() for name in names}
        app = faust.App(
            settings.app_id,
            broker=f"kafka://{settings.kafka_bootstrap.replace(',', ';')}",
            broker_credentials=credentials(settings),
            broker_max_poll_records=settings.max_poll_records,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 10,
            broker_request_timeout=max(40.0, 2 * settings.session_timeout_s),
            consumer_auto_offset_reset="earliest",
            ConsumerScheduler=partial(BatchScheduler, role_of.__getitem__),
            Topic=BatchTopic,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            web_enabled=False,
            store="memory://",
            # Nothing is kept there, but Faust makes the directory, by default in the working one.
            datadir=tempfile.gettempdir(),
        )
        app.leadstream_settings = settings
        app.leadstream_owner = self
        app.transport = Transport(
            [URL(f"kafka://{host}") for host in settings.kafka_bootstrap.split(",")], app
        )
        agents = {"route": route, "score": score, "learn": learn}
        for role in self._roles:
            channel = app.topic(
                *(settings.topic(name) for name in INPUTS[role]),
                value_serializer="raw",
                acks=False,
            )
            app.agent(channel, name=role)(_loop(agents[role], self.ownership))
        return app

    def _make(self, tp: TP) -> tuple[Hashable, Callable[[], Worker]] | None:
        """Name the lane of a partition: the log's and the examples' partitions have their own.

        What is routed has no state, so all of it shares one lane and its batches.
        """
        name = tp.topic.removeprefix(self._settings.topic_prefix)
        if name == topics.LEAD_EVENTS.name:
            return f"{name}-{tp.partition}", lambda: self._score_worker(tp.partition)
        if name == topics.TRAINING_EXAMPLES.name:
            return f"{name}-{tp.partition}", lambda: self._learn_worker(tp.partition)
        if name in INPUTS["route"]:
            return "route", lambda: RouteWorker(self._settings, self._router, self._shared)
        return None

    def _score_worker(self, number: int) -> Worker:
        return ScoreWorker(
            self._settings,
            self._house,
            self._store,
            number,
            self._producer(topics.LEAD_EVENTS, number),
            self._latest_s,
            lambda: read_snapshots(self._settings, self._store),
        )

    def _learn_worker(self, number: int) -> Worker:
        return LearnWorker(
            self._settings,
            number,
            self._producer(topics.TRAINING_EXAMPLES, number),
            self._store,
            LEARNING_DUTY if "score" in self._roles else 1.0,
        )

    def _producer(self, topic: topics.Topic, number: int) -> PartitionProducer:
        return PartitionProducer(self._settings, self._settings.topic(topic.name), number, self)

    def _latest_s(self) -> float:
        return max(
            (
                worker.partition.now_s
                for worker in self.ownership.workers("score")
                if isinstance(worker, ScoreWorker) and worker.partition is not None
            ),
            default=0.0,
        )

    def _flow(self) -> Any:
        return self.faust.consumer

    def _observe(self) -> None:
        self._follower.observe()
        observe_lag(self.faust.consumer.lag(), self._settings.topic_prefix)

    def _health(self) -> dict[str, Any]:
        lag = self.faust.consumer.lag() if self.ownership.is_assigned else {}
        return {"ready": self._is_ready(), "lag_records": sum(lag.values())}

    def _is_ready(self) -> bool:
        return self.ownership.is_ready and not self._watchdog.silent()

    def _stalled(self) -> Iterator[tuple[str, float]]:
        now_s = time.monotonic()
        yield from self.ownership.stalled(now_s)
        behind = self.faust.consumer.behind() if self.ownership.is_assigned else {}
        former, self._fetched = self._fetched, {}
        for tp, position in behind.items():
            if self.ownership.takes(tp):
                seen, since_s = former.get(tp, (-1, now_s))
                since_s = since_s if seen == position else now_s
                self._fetched[tp] = position, since_s
                yield f"fetching of {tp.topic}/{tp.partition}", now_s - since_s

    def _on_crash(self, error: BaseException) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_exception(error)

    async def _watch(self) -> None:
        """End when Faust ends: its agents and consumer can die on their own."""
        # Faust offers no event to wait for.
        while not (self.faust.should_stop or self.faust.crashed):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        self._on_crash(self.faust.crash_reason or RuntimeError("the engine stopped"))


def _loop(agent: Any, ownership: Ownership) -> Any:
    async def run(stream: Any) -> None:
        await agent(stream, ownership)

    return run
