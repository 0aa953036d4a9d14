"""Metrics, health and leads over HTTP, bound to loopback unless told otherwise."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from yarl import URL

from stream.addresses import is_loopback
from stream.lead.identity import LeadNotFoundError
from stream.listening import Listener
from stream.metrics import REGISTRY

OPEN_PATHS = frozenset({"/metrics", "/health/live", "/health/ready"})
"""What says nothing of any lead; everything else asks for the token."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages(Protocol):
    """Further routes, behind the same guard."""

    open_paths: frozenset[str]
    """What of them says nothing of any lead."""

    def routes(self) -> list[web.RouteDef]:
        """Return them."""
        ...


class WebServer:
    """Serves ``/metrics``, ``/health/live``, ``/health/ready`` and ``/leads/{lead_id}``.

    Parameters
    ----------
    is_ready
        Returns whether the process does its share of the work.
    before_metrics
        Called before each answer to ``/metrics``, to bring gauges up to date.
    explain
        Returns what is known of a lead; None where this process does not know leads.
    token
        Who asks about leads has to bring it (``Authorization: Bearer``). Without one, leads are
        shown to this machine only.
    console
        The page for people; None where there is none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        is_ready: Callable[[], bool],
        before_metrics: Callable[[], None] = lambda: None,
        explain: Callable[[str], Awaitable[dict[str, Any]]] | None = None,
        token: str | None = None,
        console: Pages | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._is_ready = is_ready
        self._before_metrics = before_metrics
        self._explain = explain
        self._token = token
        self._console = console
        self._open_paths = OPEN_PATHS | (frozenset() if console is None else console.open_paths)
        self._asking = asyncio.Lock()
        self._listener = Listener()

    def application(self) -> web.Application:
        """Return the routes behind their guards."""
        application = web.Application(middlewares=[self._guarded])
        application.on_response_prepare.append(_put_headers)
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/health/live", self._live),
                web.get("/health/ready", self._ready),
                web.get("/leads/{lead_id}", self._lead),
                *([] if self._console is None else self._console.routes()),
            ]
        )
        return application

    async def start(self) -> str:
        """Listen; return the base URL."""
        # Open pages never end by themselves.
        return await self._listener.start(
            self.application(), self._host, self._port, shutdown_timeout=1.0
        )

    async def stop(self) -> None:
        """Listen no longer."""
        await self._listener.stop()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in self._open_paths:
            return await handler(request)
        if not self._token:
            fault = self._fault_without_token(request)
            return await handler(request) if fault is None else _refusal(403, fault)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Both are compared as bytes: a header may hold what is no ASCII.
        right = hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        )
        if scheme.lower() == "bearer" and right:
            return await handler(request)
        refusal = _refusal(401, "send the token as `Authorization: Bearer TOKEN`")
        refusal.headers["WWW-Authenticate"] = 'Bearer realm="leadstream"'
        return refusal

    def _fault_without_token(self, request: web.Request) -> str | None:
        """Return why there is no answer where no token is set; None where there is one."""
        if not is_loopback(self._host):
            return (
                f"web_host = {self._host} can be reached from outside: set LEADSTREAM_WEB_TOKEN "
                "and send it as `Authorization: Bearer`, or bind to 127.0.0.1"
            )
        # A page from the web may have its own name resolved to this machine, and read what is
        # here as its own: its browser still asks for that name.
        if not is_loopback(_host_asked_for(request)):
            return (
                f"Host = {request.host:.100}: without a token only this machine is answered, by "
                "the name it has for itself; ask 127.0.0.1 or localhost, or set "
                "LEADSTREAM_WEB_TOKEN and send it as `Authorization: Bearer`"
            )
        return None

    async def _metrics(self, _: web.Request) -> web.Response:
        self._before_metrics()
        return web.Response(
            body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        if self._is_ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "waiting for partitions"}, status=503)

    async def _lead(self, request: web.Request) -> web.Response:
        if self._explain is None:
            return _refusal(404, "this worker scores no leads: ask one with the role score")
        try:
            # It reads a whole partition: one at a time leaves room for scoring.
            async with self._asking:
                report = await self._explain(request.match_info["lead_id"])
        except LeadNotFoundError as error:
            return _refusal(404, str(error))
        return web.Response(body=orjson.dumps(report), content_type="application/json")


def _host_asked_for(request: web.Request) -> str:
    try:
        return URL(f"http://{request.host}").host or ""
    except ValueError:
        return ""


async def _put_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
