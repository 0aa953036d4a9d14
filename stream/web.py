"""Metrics and health over HTTP, bound to loopback unless told otherwise."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.metrics import REGISTRY


class WebServer:
    """Serves ``/metrics``, ``/health/live`` and ``/health/ready``.

    Parameters
    ----------
    is_ready
        Returns whether the process does its share of the work.
    before_metrics
        Called before each answer to ``/metrics``, to bring gauges up to date.
    """

    def __init__(
        self,
        host: str,
        port: int,
        is_ready: Callable[[], bool],
        before_metrics: Callable[[], None] = lambda: None,
    ) -> None:
        self._host = host
        self._port = port
        self._is_ready = is_ready
        self._before_metrics = before_metrics
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; return the base URL."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/health/live", self._live),
                web.get("/health/ready", self._ready),
            ]
        )
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        self._runner = runner
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()

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
