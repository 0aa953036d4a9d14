"""A receiver of webhooks that checks signatures as receivers do, and answers as it is told."""

import asyncio
import base64
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook

Answering = Callable[[dict[str, Any], int], Awaitable[web.Response] | web.Response]
"""Of the message and of how many times it had come before, what is answered."""


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def always(status: int) -> Answering:
    """Answer everything alike."""

    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=status)

    return answer


@dataclass
class Receiver:
    """What came, in its order, and how often each id."""

    secret: str = field(default_factory=new_secret)
    url: str = ""
    answer: Answering = field(default_factory=lambda: always(204))
    came: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = dict(request.headers)
        message = Webhook(self.secret).verify(body, headers)
        webhook_id = request.headers["webhook-id"]
        seen = sum(1 for came_id, _ in self.came if came_id == webhook_id)
        self.came.append((webhook_id, message))
        self.headers.append(headers)
        self.changed.set()
        answer = self.answer(message, seen)
        response = await answer if isinstance(answer, Awaitable) else answer
        if 200 <= response.status < 300:
            self.taken[webhook_id] += 1
        self.changed.set()
        return response

    async def until(self, condition: Callable[["Receiver"], bool], timeout_s: float = 60) -> None:
        """Wait until something holds of what has come."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def receiver(answer: Answering | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver on loopback for the length of a block."""
    found = Receiver()
    if answer is not None:
        found.answer = answer
    application = web.Application()
    application.router.add_post("/hook", found.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield found
    finally:
        await runner.cleanup()
