"""The console over HTTP: its static page, its JSON, its stream of changes, and its decisions."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any

import orjson
from aiohttp import web

from schemas.topics import DAY_S
from stream.console.audience import Audience
from stream.console.board import Board
from stream.console.rows import report_view
from stream.reports.catalogue import REPORTS
from stream.reports.report import Report

SCRIPTS = ("console.js", "charts.js", "parts.js", "source.js")
TYPES = {
    "index.html": "text/html",
    "console.css": "text/css",
    "icon.svg": "image/svg+xml",
    **dict.fromkeys(SCRIPTS, "text/javascript"),
}
PAGE_PATHS = frozenset({"/console", "/console/", *(f"/console/{name}" for name in TYPES)})
"""The page itself says nothing of any lead, so it needs no token; all that it asks for does."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEARTBEAT_S = 5.0
GATHER_S = 0.1
"""Changes of so long go out together."""
REPORT_KEPT_S = 10.0
MAX_BODY_BYTES = 4_096

Decide = Callable[[str, str, str | None], Awaitable[str]]


class Console:
    """The console's routes.

    Parameters
    ----------
    models
        Returns what ``models_view`` does.
    report
        Returns a report as of now.
    decide
        Carries out ``promote``, ``rollback`` or ``release`` (first argument) of a model with a kind
        or version; returns what happened in words. Raises ValueError where that cannot be.
    health
        Returns what the health line says.
    may_decide
        Whether a token guards this server; without one nobody promotes over HTTP.
    """

    open_paths = PAGE_PATHS

    def __init__(
        self,
        board: Board,
        audience: Audience,
        models: Callable[[], Sequence[dict[str, Any]]],
        report: Callable[[str], Awaitable[Report]],
        decide: Decide,
        health: Callable[[], dict[str, Any]],
        *,
        may_decide: bool,
    ) -> None:
        self._board = board
        self._audience = audience
        self._models = models
        self._report = report
        self._decide = decide
        self._health = health
        self._may_decide = may_decide
        self._reading = asyncio.Lock()
        self._reports: dict[str, tuple[float, dict[str, Any]]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without their guards."""
        return [
            web.get("/console", self._redirect),
            web.get("/console/", self._page),
            *(web.get(f"/console/{name}", self._page) for name in TYPES),
            web.get("/console/api/leads", self._leads),
            web.get("/console/api/leads/{lead_id}", self._lead),
            web.get("/console/api/triggers", self._triggers),
            web.get("/console/api/dead-letters", self._letters),
            web.get("/console/api/models", self._list_models),
            web.post("/console/api/models/{model}/{decision}", self._decision),
            web.get("/console/api/reports/{name}", self._show_report),
            web.get("/console/api/health", self._show_health),
            web.get("/console/api/changes", self._changes),
        ]

    async def _redirect(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/console/")

    async def _page(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2] or "index.html"
        body = resources.files("stream.console").joinpath(name).read_bytes()
        answer = web.Response(body=body, content_type=TYPES[name], charset="utf-8")
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
        answer.enable_compression()
        return answer

    async def _leads(self, _: web.Request) -> web.Response:
        return _json({"leads": self._board.leads()})

    async def _lead(self, request: web.Request) -> web.Response:
        return _json(self._board.lead(request.match_info["lead_id"]))

    async def _triggers(self, _: web.Request) -> web.Response:
        return _json({"triggers": self._board.triggers()})

    async def _letters(self, _: web.Request) -> web.Response:
        return _json({"dead_letters": self._board.letters()})

    async def _list_models(self, _: web.Request) -> web.Response:
        return _json({"models": self._models(), "may_decide": self._may_decide})

    async def _show_health(self, _: web.Request) -> web.Response:
        return _json(self._state())

    async def _decision(self, request: web.Request) -> web.Response:
        if not self._may_decide:
            return _json({"error": "set LEADSTREAM_WEB_TOKEN to decide on models here"}, 403)
        decision = request.match_info["decision"]
        if decision not in {"promote", "rollback", "release"}:
            return _json({"error": f"{decision!r}: promote, rollback or release"}, 404)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return _json({"error": f"body: at most {MAX_BODY_BYTES} bytes"}, 413)
        try:
            body = orjson.loads(await request.read() or b"{}")
            chosen = body.get("chosen")
            if not (chosen is None or isinstance(chosen, str)):
                return _json({"error": "chosen: give a kind or a version as text"}, 400)
            said = await self._decide(decision, request.match_info["model"], chosen)
        except (ValueError, AttributeError) as error:
            return _json({"error": str(error)}, 400)
        return _json({"done": said})

    async def _show_report(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in REPORTS:
            return _json({"error": f"{name!r} is no report; known are {', '.join(REPORTS)}"}, 404)
        async with self._reading:  # it reads the learner's checkpoint and all since
            made_s, view = self._reports.get(name, (-REPORT_KEPT_S, {}))
            if time.monotonic() - made_s >= REPORT_KEPT_S:
                report = await self._report(name)
                view = await asyncio.to_thread(report_view, report, int(time.time() // DAY_S))
                self._reports[name] = time.monotonic(), view
        return _json(view)

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        watcher = self._audience.join()
        if watcher is None:
            return _json({"error": "too many pages are open: close some"}, 503)
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            await answer.prepare(request)
            while True:
                await answer.write(_event("health", self._state()))
                changes = await watcher.changes(HEARTBEAT_S)
                if changes:
                    await answer.write(_event("changes", changes))
                    await asyncio.sleep(GATHER_S)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._audience.leave(watcher)
        return answer

    def _state(self) -> dict[str, Any]:
        return {**self._health(), "score_changes": self._board.score_changes}


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


def _json(body: object, status: int = 200) -> web.Response:
    answer = web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", charset="utf-8"
    )
    answer.enable_compression()
    return answer
