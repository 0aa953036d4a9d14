"""The collector as a process: HTTP at one end, Kafka at the other, metrics beside it."""

from collections.abc import Callable

import structlog

from stream import metrics
from stream.collector.access import Access
from stream.collector.collecting import Collector
from stream.collector.consents import parse_purposes
from stream.collector.server import CollectorServer, Mails
from stream.collector.webhooks import Mailgun, SendGrid
from stream.expected import ExpectedError
from stream.kafka.authorization import check_rights
from stream.kafka.event_loop import told_to_end
from stream.kafka.intake import Intake, Room
from stream.lead.routing import Router
from stream.rights import rights
from stream.settings import Settings
from stream.web import WebServer

log = structlog.get_logger(__name__)


class CollectorError(ExpectedError, RuntimeError):
    """The collector cannot be started; the message says what to do."""


class CollectorProcess:
    """Takes events in until it is told to end.

    Raises
    ------
    CollectorError
        If no write key is set.
    """

    def __init__(self, settings: Settings) -> None:
        write_keys, origins = settings.senders()
        if not write_keys:
            raise CollectorError(
                "LEADSTREAM_WRITE_KEYS is empty, so nobody could send; set one or more, with "
                "commas, like the output of `openssl rand -hex 16`"
            )
        self._settings = settings
        self._intake = Intake(settings, settings.collect_timeout_s)
        self._room = Room(settings.collect_in_flight_bytes)
        router = Router(
            settings.email_key.get_secret_value().encode(),
            settings.sealer(),
            replayed=settings.clock == "event",
            future_tolerance_s=settings.future_tolerance_s,
        )
        self._server = CollectorServer(
            Access(write_keys, origins),
            Collector(router, parse_purposes(settings.collect_consent_purposes)),
            self._intake,
            self._room,
            _mails(settings),
        )
        self._web = WebServer(
            settings.web_host,
            settings.web_port,
            lambda: self._intake.is_ready,
            before_metrics=lambda: metrics.COLLECT_IN_FLIGHT_BYTES.set(self._room.taken_bytes),
        )

    async def run(self, started: Callable[[str, str], None]) -> None:
        """Run until SIGTERM or SIGINT, then end what is under way.

        Parameters
        ----------
        started
            Called with the URL for events and the URL of metrics once both are there.

        Raises
        ------
        aiokafka.errors.KafkaConnectionError
            If Kafka does not answer.
        stream.kafka.authorization.RightsError
            If it denies what a sender needs.
        stream.kafka.administration.TopicError
            If an input topic is missing.
        """
        told = told_to_end()
        user = self._settings.kafka_sasl_username
        await check_rights(self._settings, rights(self._settings, ("sender",), user))
        try:
            await self._intake.open()
            metrics_url = await self._web.start()
            host, port = self._settings.collect_host, self._settings.collect_port
            started(await self._server.start(host, port), metrics_url)
            await told.wait()
            log.info("stopping")
        finally:
            await self._server.stop()
            await self._intake.close()
            await self._web.stop()


def _mails(settings: Settings) -> Mails:
    sendgrid = settings.sendgrid_verification_key.get_secret_value()
    mailgun = settings.mailgun_signing_key.get_secret_value()
    return Mails(
        settings.pixel_key.get_secret_value().encode(),
        SendGrid(sendgrid, settings.duplicate_window_s) if sendgrid else None,
        Mailgun(mailgun) if mailgun else None,
    )
