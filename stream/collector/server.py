"""The collector over HTTP: the tracking API's paths, and what stands around a request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import structlog
from aiohttp import web
from prometheus_client import Counter

from stream import metrics
from stream.collector import pixel
from stream.collector.access import Access, preflight
from stream.collector.answers import outcome, refusal_answer
from stream.collector.bodies import (
    MAX_BODY_BYTES,
    MAX_WEBHOOK_BYTES,
    parsed_batch,
    parsed_message,
)
from stream.collector.collecting import Call, Collected, Collector, Delivery
from stream.collector.refusals import RefusedRequestError
from stream.collector.requests import browser_of, plain_body, take_room
from stream.collector.webhooks import Mailgun, SendGrid
from stream.kafka.intake import Intake, NotAcknowledgedError, Room
from stream.listening import Listener

log = structlog.get_logger(__name__)

BATCH = "batch"
PATHS: Mapping[str, Call | None] = {
    "/v1/page": "page",
    "/v1/p": "page",
    "/v1/screen": "screen",
    "/v1/s": "screen",
    "/v1/track": "track",
    "/v1/t": "track",
    "/v1/identify": "identify",
    "/v1/i": "identify",
    "/v1/group": "group",
    "/v1/g": "group",
    "/v1/alias": "alias",
    "/v1/a": "alias",
    "/v1/batch": None,
    "/v1/b": None,
}
"""Paths of the tracking API and their call; None for a batch. The short ones are those that
Segment's browser library asks for."""
RETRY_LATER_S = 5
YIELD_EVERY = 100
"""Messages of a batch after which others have their turn."""


class Mails(NamedTuple):
    """Who may tell of mails: the pixel's secret, and the providers; empty and None for nobody."""

    pixel_key: bytes
    sendgrid: SendGrid | None
    mailgun: Mailgun | None


NO_MAILS = Mails(b"", None, None)


class CollectorServer:
    """Answers the tracking API.

    Parameters
    ----------
    access
        Says who may send.
    collector
        Makes records of messages.
    intake
        Takes records to Kafka.
    room
        Bounds what is under way.
    mails
        Who may tell of mails.
    clock
        Returns epoch seconds.
    """

    def __init__(
        self,
        access: Access,
        collector: Collector,
        intake: Intake,
        room: Room,
        mails: Mails = NO_MAILS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._collector = collector
        self._intake = intake
        self._room = room
        self._mails = mails
        self._clock = clock
        self._listener = Listener()

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=MAX_WEBHOOK_BYTES)
        for path, call in PATHS.items():
            answer = self._answering(call or BATCH, self._collecting(call))
            application.router.add_post(path, answer)
            application.router.add_options(path, answer)
        for path, told in (
            ("/v1/webhooks/sendgrid", self._told_by_sendgrid),
            ("/v1/webhooks/mailgun", self._told_by_mailgun),
        ):
            application.router.add_post(path, self._answering("webhook", told))
        application.router.add_get(pixel.PATH, self._answering("pixel", self._opened))
        application.router.add_get("/leadstream.js", _snippet)
        return application

    async def start(self, host: str, port: int) -> str:
        """Listen; return the base URL."""
        # Bodies are unpacked here, within bounds, and not by the framework.
        return await self._listener.start(self.application(), host, port, auto_decompress=False)

    async def stop(self) -> None:
        """Listen no longer, and end what is under way."""
        await self._listener.stop()

    def _answering(
        self, endpoint: str, work: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return a handler that says what went wrong, counts and lets browsers read the answer."""

        async def answer(request: web.Request) -> web.Response:
            started_s = time.perf_counter()
            allowed: dict[str, str] = {}
            try:
                allowed = self._access.check_origin(request.headers.get("Origin"))
                if request.method == "OPTIONS":
                    response = web.Response(status=204, headers=preflight())
                else:
                    response = await work(request)
            except RefusedRequestError as error:
                response = refusal_answer(error, error.body())
                if error.status == 401:
                    response.headers["WWW-Authenticate"] = 'Basic realm="leadstream"'
            response.headers.update(allowed)
            _requests(endpoint, response.status).inc()
            metrics.COLLECT_SECONDS.observe(time.perf_counter() - started_s)
            return response

        return answer

    def _collecting(self, call: Call | None) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def collect(request: web.Request) -> web.Response:
            authorization = request.headers.get("Authorization")
            if authorization is not None:
                self._access.check_key(authorization, None)  # before anything is read

            async def made(plain: bytes) -> list[Collected]:
                body = parsed_batch(plain) if call is None else parsed_message(plain)
                if authorization is None:
                    self._access.check_key(None, body.write_key)
                delivery = Delivery(body.sent_at, self._clock(), _fresh_id, browser_of(request))
                found = []
                for number, message in enumerate(body.messages, start=1):
                    found.append(self._collector.collect(message, call, delivery))
                    if number % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                return found

            return outcome(call, await self._take_in(request, made))

        return collect

    async def _opened(self, request: web.Request) -> web.Response:
        """Answer a mail that is opened with the pixel."""
        if not self._mails.pixel_key:
            raise _is_off("LEADSTREAM_PIXEL_KEY")
        now_s, agent = self._clock(), request.headers.get("User-Agent")
        event = pixel.opened(request.query, self._mails.pixel_key, now_s, _fresh_id(), agent)

        async def made(_: bytes) -> list[Collected]:
            return [self._collector.collect_event(event, now_s)]

        await self._take_in(request, made)
        return web.Response(
            body=pixel.GIF, content_type="image/gif", headers={"Cache-Control": "no-store"}
        )

    async def _told_by_sendgrid(self, request: web.Request) -> web.Response:
        async def made(plain: bytes) -> list[Collected]:
            sendgrid, now_s = self._mails.sendgrid, self._clock()
            if sendgrid is None:
                raise _is_off("LEADSTREAM_SENDGRID_VERIFICATION_KEY")
            events = sendgrid.events(request.headers, plain, now_s)
            return [self._collector.collect_event(event, now_s) for event in events]

        return outcome(None, await self._take_in(request, made, MAX_WEBHOOK_BYTES))

    async def _told_by_mailgun(self, request: web.Request) -> web.Response:
        mailgun, now_s, token = self._mails.mailgun, self._clock(), ""
        if mailgun is None:
            raise _is_off("LEADSTREAM_MAILGUN_SIGNING_KEY")

        async def made(plain: bytes) -> list[Collected]:
            nonlocal token
            token, events = mailgun.events(plain, now_s)
            return [self._collector.collect_event(event, now_s) for event in events]

        found = await self._take_in(request, made, MAX_WEBHOOK_BYTES)
        mailgun.remember(token, now_s)  # not earlier: what Kafka has not taken comes again
        return outcome(None, found)

    async def _take_in(
        self,
        request: web.Request,
        made: Callable[[bytes], Awaitable[list[Collected]]],
        most_bytes: int = MAX_BODY_BYTES,
    ) -> list[Collected]:
        """Return what was made of a request's body, once Kafka has all of it."""
        size_bytes = take_room(request, self._room, most_bytes)
        hands_over = False
        try:
            found = await made(await plain_body(request, most_bytes))
            hands_over = True
            await self._append(found, lambda: self._room.give_back(size_bytes))
        finally:
            if not hands_over:
                self._room.give_back(size_bytes)
        return found

    async def _append(self, found: list[Collected], when_settled: Callable[[], None]) -> None:
        each = [item for message in found for item in message.each()]
        try:
            await self._intake.append([item.record for item in each], when_settled)
        except NotAcknowledgedError as error:
            log.warning("not acknowledged", records=len(each), error=str(error))
            raise RefusedRequestError(
                503,
                f"{error}; send this again later, with the same messageId it counts once",
                retry_after_s=RETRY_LATER_S,
            ) from None
        for item in each:
            outcome = "accepted" if item.refusal is None else item.refusal.reason
            _events(item.record.label, outcome).inc()


@cache
def _requests(endpoint: str, status: int) -> Counter:
    return metrics.COLLECT_REQUESTS.labels(endpoint, str(status))


@cache
def _events(event_type: str, outcome: str) -> Counter:
    return metrics.EVENTS.labels("collect", event_type, outcome)


async def _snippet(_: web.Request) -> web.Response:
    return web.Response(
        text=snippet(),
        content_type="text/javascript",
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )


@cache
def snippet() -> str:
    """Return what web pages load, without its indentation."""
    text = Path(__file__).with_name("leadstream.js").read_text(encoding="utf-8")
    return "\n".join(line.strip() for line in text.splitlines())


def _is_off(variable: str) -> RefusedRequestError:
    return RefusedRequestError(404, f"this is off: set {variable}")


def _fresh_id() -> str:
    return uuid4().hex
