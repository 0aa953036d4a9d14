"""Nothing taken in or to be delivered is lost: not by a process's death, not by a broker's."""

import asyncio
import socket
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import aiohttp
import orjson
import pytest
from collector_process import BASIC, WRITE_KEY, CollectorHandle
from deliverer_process import deliverer, send, trigger, webhook
from outside_tools import skip_outside_ci
from personalizer_process import KEY, PersonalizerHandle, rank_body
from webhook_receiver import Receiver, receiver
from worker_process import own_settings

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import BrokerError
from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.clients import read_all
from stream.personalizer.server import KEY_HEADER
from stream.settings import Settings

SENDERS = 6
BATCH = 10
COLLECTOR_KILLS = 4
BETWEEN_S = 2.0
"""Of load between two kills."""
DOWN_S = 3.0
SENT_EACH = 20
PARTITIONS = 4
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(230)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[JvmKafka]:
    try:
        with JvmKafka(brokers=3, heap_mb=256) as kafka:
            yield kafka
    except BrokerError as error:
        skip_outside_ci(f"three brokers cannot be started: {error}")


class Load:
    """Senders that, as libraries do, send each batch again until it is acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/batch"
        self._run = uuid.uuid4().hex[:8]
        self.acknowledged: set[str] = set()
        self.failures = 0
        self.grew = asyncio.Event()
        self.ends = asyncio.Event()

    async def send(self, sender: int) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(headers=BASIC, timeout=timeout) as session:
            for number in count():
                ids = [f"{self._run}-{sender}-{number}-{n}" for n in range(BATCH)]
                messages = [
                    {"type": "page", "messageId": i, "userId": f"lead-{i}", "name": "Home"}
                    for i in ids
                ]
                while not await self._acknowledges(session, orjson.dumps({"batch": messages})):
                    self.failures += 1
                    if self.ends.is_set():
                        return
                    await asyncio.sleep(0.1)
                self.acknowledged.update(ids)
                self.grew.set()
                if self.ends.is_set():
                    return

    async def _acknowledges(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        try:
            async with session.post(self._url, data=body) as answer:
                assert answer.status in {200, 503, 429}, await answer.text()
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


async def test_what_was_acknowledged_outlives_the_collector_and_a_broker(
    cluster: JvmKafka, tmp_path: Path
) -> None:
    settings = own_settings(
        cluster,
        replication=3,
        partitions=PARTITIONS,
        collect_port=_free_port(),
        write_keys=WRITE_KEY,
    )
    await ensure_topics(settings)
    log = tmp_path / "collector.log"
    running = await asyncio.to_thread(CollectorHandle, settings, log)
    load = Load(running.url)
    senders = [asyncio.create_task(load.send(n)) for n in range(SENDERS)]
    try:
        for number in range(COLLECTOR_KILLS):
            await asyncio.sleep(BETWEEN_S)
            await asyncio.to_thread(running.kill)
            running = await asyncio.to_thread(
                CollectorHandle, settings, tmp_path / f"collector-{number}.log"
            )
        before = len(load.acknowledged)
        await asyncio.to_thread(cluster.kill_broker, 1)
        await asyncio.sleep(DOWN_S)
        await asyncio.to_thread(cluster.start_broker, 1)
        await asyncio.sleep(BETWEEN_S)
        async with asyncio.timeout(60):
            while len(load.acknowledged) < before + 20 * BATCH:
                load.grew.clear()
                await load.grew.wait()
    finally:
        load.ends.set()
        await asyncio.gather(*senders)
        await asyncio.to_thread(running.stop)

    found = await _found(settings)
    lost = load.acknowledged - set(found)
    print(
        f"{len(load.acknowledged):,} events acknowledged through {COLLECTOR_KILLS} kills of the "
        f"collector and 1 of a broker ({load.failures} requests sent again): {len(lost)} lost, "
        f"{len(found) - len(set(found)):,} there twice, for score to drop"
    )
    assert load.acknowledged
    assert load.failures, "the kills met nobody"
    assert not lost


async def test_what_is_to_be_delivered_outlives_a_broker(cluster: JvmKafka, tmp_path: Path) -> None:
    settings = own_settings(
        cluster,
        replication=3,
        partitions=PARTITIONS,
        clock="wall",
        webhooks_file=tmp_path / "webhooks.toml",
    )
    await ensure_topics(settings)
    async with receiver() as taking:
        assert settings.webhooks_file is not None
        settings.webhooks_file.write_text(webhook("calls", taking), encoding="utf-8")
        async with deliverer(settings, tmp_path, ("calls", taking)):
            sent = 0
            for killed in (1, 2, 3):  # one of them coordinates the group, and leads a partition
                await asyncio.to_thread(cluster.kill_broker, killed)
                for _ in range(SENT_EACH):
                    await send(settings, [trigger(sent)])
                    sent += 1
                await asyncio.to_thread(cluster.start_broker, killed)
                await taking.until(lambda r, least=sent: len(_numbers(r)) >= least)
    came = [message["number"] for _, message in taking.came]
    print(f"{sent} triggers through 3 kills of a broker: {len(came) - sent} came twice")
    assert set(came) == set(range(sent))


async def test_what_was_ranked_and_rewarded_outlives_a_broker(
    cluster: JvmKafka, tmp_path: Path
) -> None:
    settings = own_settings(
        cluster,
        replication=3,
        clock="wall",
        personalizer_port=0,
        personalizer_keys=KEY,
        collect_timeout_s=5.0,
    )
    await ensure_topics(settings)
    running = await asyncio.to_thread(PersonalizerHandle, settings, tmp_path / "personalizer.log")
    acknowledged, failures = set[tuple[str, str]](), 0

    async def told(session: aiohttp.ClientSession, path: str, body: object) -> bool:
        url = f"{running.url}/personalizer/v1.0/{path}"
        async with session.post(url, data=orjson.dumps(body)) as answer:
            assert answer.status in {201, 204, 503}, await answer.text()
            return answer.status != 503

    async def ask(event_id: str) -> None:
        nonlocal failures
        for kind, path, body in (
            ("actions_ranked", "rank", {**rank_body(), "eventId": event_id}),
            ("rank_rewarded", f"events/{event_id}/reward", {"value": 1.0}),
        ):
            while not await told(session, path, body):
                failures += 1
                await asyncio.sleep(0.1)
            acknowledged.add((kind, event_id))

    try:
        async with aiohttp.ClientSession(headers={KEY_HEADER: KEY}) as session:
            for killed in (1, 2, 3):
                await ask(f"before-{killed}")
                await asyncio.to_thread(cluster.kill_broker, killed)
                async with asyncio.timeout(60):
                    await asyncio.gather(*(ask(f"{killed}-{n}") for n in range(SENT_EACH)))
                await asyncio.to_thread(cluster.start_broker, killed)
    finally:
        await asyncio.to_thread(running.stop)
    records = await read_all(settings, settings.topic(topics.PERSONALIZER_EVENTS.name), 0)
    found = {(e["type"], e["event_id"]) for r in records if (e := orjson.loads(r.value))}
    lost = len(acknowledged - found)
    print(f"{len(acknowledged)} acknowledged, {failures} requests sent again: {lost} lost")
    assert acknowledged <= found


def _numbers(taking: Receiver) -> set[int]:
    return {message["number"] for _, message in taking.came}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def _found(settings: Settings) -> list[str]:
    name = settings.topic(topics.PAGE_VIEWS.name)
    return [
        orjson.loads(record.value)["event_id"]
        for number in range(PARTITIONS)
        for record in await read_all(settings, name, number)
    ]
