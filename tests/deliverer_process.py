"""A deliverer as operators run it, and outputs as ``score`` sends them for it."""

import asyncio
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prepared_process import PreparedProcess
from webhook_receiver import Receiver
from worker_process import environment

from schemas import topics
from stream.kafka.clients import new_producer
from stream.kafka.transactions import addressed, append
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.settings import Settings

START_S = 60.0


def trigger(number: int, lead_id: str | None = None, **changed: Any) -> Output:
    """Return a trigger as ``score`` sends it."""
    trigger_id = f"{number:032x}"
    body = {
        "type": "nurture_triggered",
        "trigger_id": trigger_id,
        "lead_id": lead_id or f"lead-{number % 7}",
        "rule": "high_intent",
        "action": "call",
        "tier": "hot",
        "number": number,
        "occurred_at": rfc3339(time.time()),
        **changed,
    }
    return cloud_event(topics.NURTURE_TRIGGERS, body["lead_id"], trigger_id, body)


async def send(settings: Settings, outputs: Iterable[Output]) -> None:
    """Append outputs to their topics."""
    producer = new_producer(settings)
    await producer.start()
    try:
        await append(producer, await addressed(producer, settings, outputs))
    finally:
        await producer.stop()


async def send_as_of(settings: Settings, output: Output, at_s: float) -> None:
    """Append one output as if it had come at a time, epoch seconds."""
    producer = new_producer(settings)
    await producer.start()
    try:
        ((topic, partition, key, value, headers),) = await addressed(producer, settings, [output])
        await producer.send_and_wait(
            topic, value, key, partition, timestamp_ms=int(at_s * 1000), headers=headers
        )
    finally:
        await producer.stop()


def webhook(name: str, receiving: Receiver, **fields: Any) -> str:
    """Return an endpoint's part of a webhooks file; its secret's variable is NAME_SECRET."""
    values = {"messages": ["nurture_triggered"], "private_network": True, **fields}
    lines = [
        f'name = "{name}"',
        f'url = "{receiving.url}"',
        f'secret_env = "{name.upper()}_SECRET"',
    ]
    lines += [f"{field} = {_toml(value)}" for field, value in values.items()]
    return "\n".join(["[[webhook]]", *lines, ""])


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


class DelivererHandle:
    """A running deliverer, its log and the address of its metrics."""

    def __init__(self, settings: Settings, log: Path, variables: Mapping[str, str]) -> None:
        self.log = log
        log.touch()
        found = {**environment(settings), **variables}
        self.process = PreparedProcess(["deliver"], found, log, log)

    async def until_ready(self) -> str:
        """Return the base URL once it is ready."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            for line in self.log.read_text().splitlines():
                if "metrics at " in line:
                    url = line.split("metrics at ")[1].removesuffix("/metrics")
                    if await asyncio.to_thread(_is_ready, url):
                        return url
            await asyncio.sleep(0.05)
        raise AssertionError(f"deliverer not ready after {START_S} s:\n{self.log.read_text()}")

    def kill(self) -> None:
        """End it with no warning."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def metrics_of(url: str) -> str:
    """Return what a deliverer tells Prometheus."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:  # noqa: S310
        return str(answer.read().decode())


@asynccontextmanager
async def deliverer(
    settings: Settings, folder: Path, *receivers: tuple[str, Receiver]
) -> AsyncIterator[DelivererHandle]:
    """Run a deliverer for the length of a block; of each receiver its secret is known."""
    variables = {f"{name.upper()}_SECRET": r.secret for name, r in receivers}
    log = folder / f"deliverer-{time.monotonic_ns()}.log"
    running = DelivererHandle(settings, log, variables)
    try:
        await running.until_ready()
        yield running
    finally:
        await asyncio.to_thread(running.stop)
