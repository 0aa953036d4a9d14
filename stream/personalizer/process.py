"""The personalizer as a process: HTTP at one end, Kafka at the other, metrics beside it."""

import asyncio
from collections.abc import Callable

import structlog

from online_models.policy.square_cb import SquareCB
from schemas import topics
from stream import metrics
from stream.expected import ExpectedError
from stream.kafka.authorization import check_rights
from stream.kafka.event_loop import told_to_end
from stream.kafka.intake import Intake, Room
from stream.personalizer.following import Follower
from stream.personalizer.personalizer import Personalizer, Terms
from stream.personalizer.server import PersonalizerServer
from stream.rights import rights
from stream.settings import Settings
from stream.web import WebServer

log = structlog.get_logger(__name__)


class PersonalizerError(ExpectedError, RuntimeError):
    """The personalizer cannot be started; the message says what to do."""


class PersonalizerProcess:
    """Ranks until it is told to end.

    Raises
    ------
    PersonalizerError
        If no key is set.
    """

    def __init__(self, settings: Settings) -> None:
        keys = settings.rankers()
        if not keys:
            raise PersonalizerError(
                "LEADSTREAM_PERSONALIZER_KEYS is empty, so nobody could ask; set one or more, with "
                "commas, like the output of `openssl rand -hex 16`"
            )
        self._settings = settings
        terms = Terms(
            settings.personalizer_reward_wait_s,
            settings.personalizer_default_reward,
            settings.personalizer_reward_aggregation,
        )
        policy = SquareCB(settings.personalizer_epsilon)
        self._personalizer = Personalizer(policy, terms, self._count)
        self._follower = Follower(settings, self._personalizer)
        into = (topics.PERSONALIZER_EVENTS,)
        self._intake = Intake(settings, settings.collect_timeout_s, into)
        room = Room(settings.collect_in_flight_bytes)
        self._server = PersonalizerServer(
            keys, self._personalizer, lambda: self._follower.has_caught_up, self._intake, room
        )
        self._web = WebServer(
            settings.web_host,
            settings.web_port,
            lambda: self._intake.is_ready and self._follower.has_caught_up,
            before_metrics=lambda: metrics.PERSONALIZER_PENDING.set(self._personalizer.pending),
        )

    async def run(self, started: Callable[[str, str, int], None]) -> None:
        """Run until SIGTERM or SIGINT, then end what is under way.

        Parameters
        ----------
        started
            Called with the URL for requests, the URL of metrics, and how many rewards were learned
            again, once all that was there is.

        Raises
        ------
        aiokafka.errors.KafkaConnectionError
            If Kafka does not answer.
        stream.kafka.authorization.RightsError
            If it denies what a personalizer needs.
        stream.kafka.administration.TopicError
            If the topic is missing.
        """
        told = told_to_end()
        user = self._settings.kafka_sasl_username
        await check_rights(self._settings, rights(self._settings, ("personalizer",), user))
        following: asyncio.Task[None] | None = None
        try:
            await self._intake.open()
            metrics_url = await self._web.start()
            following = asyncio.create_task(self._follower.follow(), name="personalizer-events")
            ending = asyncio.create_task(told.wait())
            ready = asyncio.create_task(self._follower.caught_up())
            await asyncio.wait([ending, ready], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            host, port = self._settings.personalizer_host, self._settings.personalizer_port
            url = await self._server.start(host, port)
            started(url, metrics_url, self._personalizer.learned)
            await ending
            log.info("stopping")
        finally:
            await self._server.stop()
            if following is not None:
                following.cancel()
                await asyncio.wait([following])
            await self._intake.close()
            await self._web.stop()

    def _count(self, outcome: str) -> None:
        if self._follower.has_caught_up:  # what is learned again was counted before
            metrics.PERSONALIZER_OUTCOMES.labels(outcome).inc()
