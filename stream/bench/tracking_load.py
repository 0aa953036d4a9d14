"""Requests to a collector at fixed times, and how long each took to be acknowledged.

A request goes out when its time has come, whether or not earlier ones are answered, and its time
counts from when it should have gone out: a stall is suffered by all that come in it.
"""

import asyncio
import time
from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import orjson
from yarl import URL

from stream.bench.harness import BenchError

CONNECTIONS = 64
HEADER_END = b"\r\n\r\n"
LENGTH = b"content-length:"
TICK_S = 0.001
ANSWER_S = 30.0


class Answers(NamedTuple):
    """Of each request, in their order: seconds until the answer, and its HTTP status."""

    latencies_s: list[float]
    statuses: list[int]


class _Connection(asyncio.Protocol):
    """Sends one request after the other; a library's client would cost more than the collector."""

    def __init__(self, idle: deque["_Connection"]) -> None:
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # TCP's is no other
        self._idle.append(self)

    def send(self, request: bytes) -> asyncio.Future[int]:
        if self._transport is None:
            raise BenchError("a connection to the collector was not made")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(HEADER_END)
        if not end or len(body) < _length(head):
            return
        answer, self._answer, self._data = self._answer, None, b""
        if answer is not None and not answer.done():
            answer.set_result(int(head.split(b" ", 2)[1]))
        self._idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BenchError(f"the collector hung up: {error}"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(LENGTH):
            return int(line[len(LENGTH) :])
    return 0


async def answers_of(
    url: str, write_key: str, path: str, bodies: Sequence[bytes], per_s: float
) -> Answers:
    """Send requests at a rate, and wait for all answers.

    Raises
    ------
    BenchError
        If the collector hangs up, or does not answer.
    """
    where = URL(url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {where.authority}\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {b64encode(f'{write_key}:'.encode()).decode()}\r\nContent-Length: "
    ).encode()
    idle: deque[_Connection] = deque()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(idle), str(where.host), where.port or 80)
    connections = list(idle)
    latencies_s, statuses = [0.0] * len(bodies), [0] * len(bodies)
    waiting: deque[int] = deque()
    left, done, started_s = len(bodies), loop.create_future(), time.perf_counter()

    def answered(number: int, answer: asyncio.Future[int]) -> None:
        nonlocal left
        latencies_s[number] = time.perf_counter() - started_s - number / per_s
        if answer.exception() is not None:
            if not done.done():
                done.set_exception(answer.exception() or BenchError("no answer"))
            return
        statuses[number] = answer.result()
        left -= 1
        if left == 0 and not done.done():
            done.set_result(None)

    def send_waiting() -> None:
        while waiting and idle:
            number = waiting.popleft()
            request = head + b"%d\r\n\r\n" % len(bodies[number]) + bodies[number]
            answer = idle.popleft().send(request)
            answer.add_done_callback(partial(answered, number))

    try:
        number = 0
        while number < len(bodies) or waiting:
            due = min(len(bodies), int((time.perf_counter() - started_s) * per_s) + 1)
            waiting.extend(range(number, due))
            number = max(number, due)
            send_waiting()
            if done.done():
                break
            await asyncio.sleep(TICK_S)
        async with asyncio.timeout(ANSWER_S):
            await done
    except TimeoutError:
        raise BenchError(f"{left} requests have no answer after {ANSWER_S:g} s") from None
    finally:
        for connection in connections:
            connection.close()
    return Answers(latencies_s, statuses)


def page_bodies(count: int, batch: int) -> list[bytes]:
    """Return the bodies of so many requests: page views as Segment's browser library sends them."""
    found = []
    for number in range(count):
        messages = [_page(number * batch + n) for n in range(batch)]
        body = messages[0] if batch == 1 else {"batch": messages, "sentAt": messages[0]["sentAt"]}
        found.append(orjson.dumps(body))
    return found


def _page(number: int) -> dict[str, object]:
    sent_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    url = f"https://www.example.com/pricing?utm_source=google&utm_campaign=spring&n={number}"
    return {
        "type": "page",
        "messageId": f"ajs-next-{number:032x}",
        "anonymousId": f"{number % 5_000:08x}-0f6e-4b6a-9d2c-3a8c5f0e7b11",
        "timestamp": sent_at,
        "sentAt": sent_at,
        "properties": {"url": url, "path": "/pricing", "title": "Pricing", "referrer": ""},
        "context": {
            "locale": "de-DE",
            "timezone": "Europe/Berlin",
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0",
            "campaign": {"source": "google", "name": "spring"},
            "page": {"url": url, "path": "/pricing", "title": "Pricing", "referrer": ""},
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
        },
    }
