"""The one place of wiring: settings in, a running worker out."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Any, Literal

import faust
import structlog
from faust.types import TP
from yarl import URL

from schemas import topics
from stream.agents.learn import LearnWorker, learn
from stream.agents.route import RouteWorker, route
from stream.agents.score import ScoreWorker, score
from stream.kafka.clients import ssl_context
from stream.kafka.ownership import Ownership, Worker
from stream.kafka.snapshots import SnapshotFollower
from stream.kafka.transactions import PartitionProducer, SharedProducer
from stream.kafka.transport import BatchScheduler, BatchTopic, Transport
from stream.lead.routing import Router
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.web import WebServer

log = structlog.get_logger(__name__)

Role = Literal["route", "score", "learn"]
ROLES: tuple[Role, ...] = ("route", "score", "learn")


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
            replayed=settings.clock == "event",
            future_tolerance_s=settings.future_tolerance_s,
        )
        self._shared = SharedProducer(settings, self)
        self._crash: asyncio.Future[None] | None = None
        self.ownership = Ownership(self._makers(), self._flow, self._on_crash)
        self.faust = self._faust_app()
        self.web = WebServer(
            settings.web_host, settings.web_port, self._is_ready, self._follower.observe
        )

    async def run(self, started: Callable[[str], None] = lambda _: None) -> None:
        """Work until asked to stop (SIGTERM, SIGINT); raise what made it impossible to go on.

        Parameters
        ----------
        started
            Called with the base URL of metrics and health when the worker is up.
        """
        loop = asyncio.get_running_loop()
        self._crash = loop.create_future()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await self._follower.start()
        url = await self.web.start()
        try:
            await self.faust.start()
            started(url)
            asked = asyncio.create_task(stopping.wait())
            watch = asyncio.create_task(self._watch())
            await asyncio.wait(
                {asked, watch, self._crash}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (asked, watch):
                task.cancel()
            await self.ownership.close()
            if self._crash.done():
                self._crash.result()
        finally:
            await self.faust.stop()
            await self._shared.close()
            await self._follower.stop()
            await self.web.stop()

    async def commit_offset(self, topic: str, partition: int, offset: int) -> None:
        """Commit an input offset through Faust's consumer, which knows the generation."""
        await self.faust.consumer.commit_offsets({TP(topic, partition): offset})

    def _faust_app(self) -> Any:
        settings = self._settings
        app = faust.App(
            settings.app_id,
            broker=f"kafka://{settings.kafka_bootstrap.replace(',', ';')}",
            broker_credentials=_credentials(settings),
            broker_max_poll_records=settings.max_poll_records,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 4,
            broker_request_timeout=max(40.0, 2 * settings.session_timeout_s),
            consumer_auto_offset_reset="earliest",
            ConsumerScheduler=BatchScheduler,
            Topic=BatchTopic,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            web_enabled=False,
            store="memory://",
        )
        app.leadstream_settings = settings
        app.leadstream_owner = self.ownership
        app.transport = Transport(
            [URL(f"kafka://{host}") for host in settings.kafka_bootstrap.split(",")], app
        )
        agents = {"route": route, "score": score, "learn": learn}
        inputs = {
            "route": [t.name for t in (*topics.INPUTS, topics.LEAD_FORWARDS)],
            "score": [topics.LEAD_EVENTS.name],
            "learn": [topics.TRAINING_EXAMPLES.name],
        }
        for role in self._roles:
            channel = app.topic(
                *(settings.topic(name) for name in inputs[role]),
                value_serializer="raw",
                acks=False,
            )
            app.agent(channel, name=role)(_loop(agents[role], self.ownership))
        return app

    def _makers(self) -> dict[str, Callable[[int], Worker]]:
        settings = self._settings
        makers: dict[str, Callable[[int], Worker]] = {}
        if "route" in self._roles:
            for topic in (*topics.INPUTS, topics.LEAD_FORWARDS):
                makers[settings.topic(topic.name)] = self._route_maker(topic)
        if "score" in self._roles:
            makers[settings.topic(topics.LEAD_EVENTS.name)] = self._score_worker
        if "learn" in self._roles:
            makers[settings.topic(topics.TRAINING_EXAMPLES.name)] = self._learn_worker
        return makers

    def _route_maker(self, topic: topics.Topic) -> Callable[[int], Worker]:
        def make(number: int) -> Worker:
            return RouteWorker(self._settings, self._router, topic, number, self._shared)

        return make

    def _score_worker(self, number: int) -> Worker:
        return ScoreWorker(
            self._settings,
            self._house,
            self._store,
            number,
            self._producer(topics.LEAD_EVENTS, number),
            self._latest_s,
        )

    def _learn_worker(self, number: int) -> Worker:
        return LearnWorker(
            self._settings, number, self._producer(topics.TRAINING_EXAMPLES, number), self._store
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

    def _is_ready(self) -> bool:
        return self.ownership.is_assigned

    def _on_crash(self, error: BaseException) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_exception(error)

    async def _watch(self) -> None:
        """End when Faust ends: its agents and consumer can die on their own."""
        while not (self.faust.should_stop or self.faust.crashed):
            await asyncio.sleep(0.2)
        self._on_crash(self.faust.crash_reason or RuntimeError("the engine stopped"))


def _loop(agent: Any, ownership: Ownership) -> Any:
    async def run(stream: Any) -> None:
        await agent(stream, ownership)

    return run


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    context = ssl_context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.SSLCredentials(context) if context is not None else None
