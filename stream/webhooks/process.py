"""The deliverer as a process: Kafka at one end, the endpoints at the other, metrics beside it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from aiokafka.errors import KafkaError

from schemas import topics
from stream.expected import ExpectedError
from stream.kafka.administration import TopicError
from stream.kafka.authorization import check_rights
from stream.kafka.clients import new_admin
from stream.kafka.event_loop import told_to_end
from stream.logs import fault_of
from stream.rights import rights
from stream.settings import Settings
from stream.web import WebServer
from stream.webhooks.courier import Courier
from stream.webhooks.endpoints import WebhooksFileError
from stream.webhooks.ledger import Ledger
from stream.webhooks.loading import load_webhooks
from stream.webhooks.standing import Standing

log = structlog.get_logger(__name__)

SHARED_OUT = (topics.NURTURE_TRIGGERS, topics.LEAD_SCORES, topics.WEBHOOK_DELIVERIES)
"""Their partitions of one number belong together."""


class DelivererError(ExpectedError, RuntimeError):
    """The deliverer cannot go on; the message says what to do."""


class DelivererProcess:
    """Delivers until it is told to end.

    Raises
    ------
    stream.webhooks.endpoints.WebhooksFileError
        If there is no webhooks file, it is faulty or names no endpoint.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._webhooks = load_webhooks(settings.webhooks_file)
        if not self._webhooks:
            raise WebhooksFileError(
                f"{settings.webhooks_file}: there is no [[webhook]] in it; name at least one"
            )
        self._couriers: list[Courier] = []
        self._web = WebServer(
            settings.web_host,
            settings.web_port,
            lambda: bool(self._couriers) and all(courier.is_ready for courier in self._couriers),
            before_metrics=self._observe,
        )

    async def run(self, started: Callable[[str, list[str]], None]) -> None:
        """Run until SIGTERM or SIGINT, then end what is under way.

        Parameters
        ----------
        started
            Called with the URL of metrics and the endpoints' names.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not answer, or denies what it needs.
        DelivererError
            If a part of it has failed.
        stream.kafka.administration.TopicError
            If a topic is missing, or is not partitioned as the others.
        """
        told = told_to_end()
        user = self._settings.kafka_sasl_username
        await check_rights(self._settings, rights(self._settings, ("deliver",), user))
        await check_topics(self._settings)
        writer = uuid4().hex
        ledger = Ledger(self._settings, writer)
        standing = Standing(self._settings, self._wake)
        working: list[asyncio.Task[Any]] = []
        try:
            await ledger.open()
            is_known = asyncio.Event()
            working.append(asyncio.ensure_future(standing.follow(is_known.set)))
            working.append(asyncio.ensure_future(told.wait()))
            known = asyncio.ensure_future(is_known.wait())
            await asyncio.wait([*working, known], return_when=asyncio.FIRST_COMPLETED)
            known.cancel()
            if is_known.is_set():
                self._couriers = [
                    Courier(self._settings, signed, ledger, standing, writer)
                    for signed in self._webhooks
                ]
                working += [asyncio.ensure_future(courier.run()) for courier in self._couriers]
                started(await self._web.start(), [c.endpoint.name for c in self._couriers])
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _check(task.exception())
            log.info("stopping")
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            await self._web.stop()
            await ledger.close()

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake()

    def _observe(self) -> None:
        for courier in self._couriers:
            courier.observe()


def _check(error: BaseException | None) -> None:
    if isinstance(error, KafkaError):
        raise error
    if error is not None:
        raise DelivererError(
            f"the deliverer cannot go on ({fault_of(error)}); start it again: what was not "
            "written down as done is done again"
        ) from None


async def check_topics(settings: Settings) -> None:
    """Refuse topics that are missing, or whose partitions do not belong together.

    Raises
    ------
    stream.kafka.administration.TopicError
        With the topic and the remedy.
    """
    admin = new_admin(settings)
    await admin.start()
    try:
        names = [settings.topic(t.name) for t in (*SHARED_OUT, topics.WEBHOOK_ENDPOINTS)]
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    found = {d["topic"]: 0 if d["error_code"] else len(d["partitions"]) for d in described}
    for name in names:
        if not found.get(name):
            raise TopicError(f"topic {name} is missing; run `leadstream topics`")
    counts = {settings.topic(t.name): found[settings.topic(t.name)] for t in SHARED_OUT}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise TopicError(
            f"these topics must have equally many partitions to be delivered: {listed}; add "
            "partitions to those that have fewer (kafka-topics.sh --alter --partitions)"
        )
