"""The event loop that processes run on, and how they are told to end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
TLS_CLOSE_S = 0.2
"""How long a closed TLS connection may wait for the other side to say goodbye."""


class EventLoop(uvloop.Loop):
    """uvloop, whose closed TLS connections do not wait half a minute.

    While answers are still on their way, uvloop can miss the goodbye that comes after them (its
    issue 471) and then waits for its time limit, 30 s: a partition took half a minute to restore,
    since a reader that ends nearly always has a fetch on its way. Kafka's messages carry their
    lengths, and who closes has had the answers it wants: a goodbye would add nothing.
    """

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect as asyncio does."""
        if kwargs.get("ssl"):
            kwargs.setdefault("ssl_shutdown_timeout", TLS_CLOSE_S)
        return await super().create_connection(*args, **kwargs)


def told_to_end() -> asyncio.Event:
    """Return what is set once SIGTERM or SIGINT comes."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on this loop, as ``asyncio.run`` does."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main)
