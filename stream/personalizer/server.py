"""Rank, reward and activate over HTTP."""

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import orjson
import structlog
from aiohttp import web

from online_models.policy.protocol import seeded
from schemas import topics
from schemas.personalizer import RankActivated, RankRewarded
from stream import metrics
from stream.collector.answers import refusal_answer
from stream.collector.refusals import RefusedRequestError
from stream.collector.requests import plain_body, take_room
from stream.kafka.intake import Intake, NotAcknowledgedError, Room
from stream.lead.outputs import Output, rfc3339
from stream.listening import Listener
from stream.personalizer.personalizer import Event, Personalizer
from stream.personalizer.requests import MAX_BODY_BYTES, asked, refused, rewarded

log = structlog.get_logger(__name__)

BASE = "/personalizer/v1.0"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
RETRY_LATER_S = 5
LONGEST_EVENT_ID = 256
CODES = {400: "BadRequest", 503: "InternalServerError"}
"""What Azure Personalizer calls errors of a status; of others, their number."""


class PersonalizerServer:
    """Answers as Azure Personalizer does.

    Parameters
    ----------
    keys
        Callers have to bring one of them.
    personalizer
        Ranks.
    is_ready
        Returns whether all that was learned before is learned again.
    intake
        Takes records to Kafka: nothing is answered before they are there.
    room
        Bounds what is under way.
    clock
        Returns epoch seconds.
    """

    def __init__(
        self,
        keys: Sequence[str],
        personalizer: Personalizer,
        is_ready: Callable[[], bool],
        intake: Intake,
        room: Room,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = [key.encode() for key in keys]
        self._personalizer = personalizer
        self._is_ready = is_ready
        self._intake = intake
        self._room = room
        self._clock = clock
        self._listener = Listener()

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        for endpoint, path, work in (
            ("rank", "/rank", self._rank),
            ("reward", "/events/{event_id}/reward", self._reward),
            ("activate", "/events/{event_id}/activate", self._activate),
        ):
            application.router.add_post(BASE + path, self._answering(endpoint, work))
        return application

    async def start(self, host: str, port: int) -> str:
        """Listen; return the base URL."""
        return await self._listener.start(self.application(), host, port, auto_decompress=False)

    async def stop(self) -> None:
        """Listen no longer, and end what is under way."""
        await self._listener.stop()

    def _answering(
        self, endpoint: str, work: Callable[[web.Request, bytes], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            started_s = time.perf_counter()
            try:
                response = await self._admitted(request, work)
            except RefusedRequestError as error:
                code = CODES.get(error.status, str(error.status))
                said = {"code": code, "message": str(error), "target": error.field}
                response = refusal_answer(error, {"error": said})
            metrics.PERSONALIZER_REQUESTS.labels(endpoint, str(response.status)).inc()
            metrics.PERSONALIZER_SECONDS.observe(time.perf_counter() - started_s)
            return response

        return answer

    async def _admitted(
        self, request: web.Request, work: Callable[[web.Request, bytes], Awaitable[web.Response]]
    ) -> web.Response:
        given = request.headers.get(KEY_HEADER, "").encode("utf-8", "surrogateescape")
        # All are compared: how long it takes tells nothing of any of them.
        if not sum(hmac.compare_digest(given, key) for key in self._keys):
            raise RefusedRequestError(
                401,
                f"{KEY_HEADER} is none of LEADSTREAM_PERSONALIZER_KEYS; send one of them",
                KEY_HEADER,
            )
        size_bytes = take_room(request, self._room, MAX_BODY_BYTES)
        try:
            return await work(request, await plain_body(request, MAX_BODY_BYTES))
        finally:
            self._room.give_back(size_bytes)

    async def _rank(self, _: web.Request, body: bytes) -> web.Response:
        if not self._is_ready():
            raise RefusedRequestError(
                503,
                "what was learned is being read from Kafka; show your own first choice, and ask "
                "again later",
                retry_after_s=RETRY_LATER_S,
            )
        found = asked(body)
        event_id = found.request.event_id or uuid4().hex
        answer = self._personalizer.known(event_id, found)
        if answer is None:
            event = self._personalizer.rank(event_id, found, seeded(event_id), self._clock())
            await self._append(event)
            # Not earlier: what Kafka has not taken is nobody's. Of two requests at once with one
            # id the first in Kafka counts, and both are answered that.
            self._personalizer.apply(event)
            answer = self._personalizer.known(event_id, found)
        return web.Response(body=orjson.dumps(answer), status=201, content_type="application/json")

    async def _reward(self, request: web.Request, body: bytes) -> web.Response:
        event_id, value = _event_id(request), rewarded(body)
        occurred_at = rfc3339(self._clock())
        told = {"event_id": event_id, "occurred_at": occurred_at, "value": value}
        await self._append(RankRewarded.model_validate(told))
        return web.Response(status=204)

    async def _activate(self, request: web.Request, _: bytes) -> web.Response:
        told = {"event_id": _event_id(request), "occurred_at": rfc3339(self._clock())}
        await self._append(RankActivated.model_validate(told))
        return web.Response(status=204)

    async def _append(self, event: Event) -> None:
        name, key = topics.PERSONALIZER_EVENTS.name, event.event_id.encode()
        record = Output(name, key, event.model_dump_json().encode(), [])
        try:
            await self._intake.append([record])
        except NotAcknowledgedError as error:
            log.warning("not acknowledged", error=str(error))
            raise RefusedRequestError(
                503, f"{error}; send this again later", retry_after_s=RETRY_LATER_S
            ) from None


def _event_id(request: web.Request) -> str:
    event_id = request.match_info["event_id"]
    if len(event_id) > LONGEST_EVENT_ID:
        raise refused(
            f"eventId has {len(event_id)} characters, at most {LONGEST_EVENT_ID}; give that of "
            "the rank response",
            "eventId",
        )
    return event_id
