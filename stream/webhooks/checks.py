"""Looking at endpoints from outside the deliverers, trying one, and enabling one."""

import time
from typing import Any

import orjson
from aiokafka import TopicPartition

from schemas import topics
from stream.kafka.clients import new_admin, new_reader, partitions_of, read_batches
from stream.lead.outputs import rfc3339
from stream.settings import Settings
from stream.webhooks.answers import Answer
from stream.webhooks.deliveries import Delivery, http_headers, of_stored
from stream.webhooks.endpoints import Endpoint, WebhooksFileError
from stream.webhooks.ledger import Ledger
from stream.webhooks.loading import Signed, load_webhooks, read_webhooks
from stream.webhooks.process import check_topics
from stream.webhooks.reading import group_of, sources_of
from stream.webhooks.sender import Sender
from stream.webhooks.signing import signed_headers
from stream.webhooks.standing import read_disabled


async def sent_test(
    settings: Settings, name: str, webhook_id: str, now_s: float
) -> tuple[Answer, float]:
    """Post a message of the type ``webhook_test``; return the answer and the seconds it took."""
    signed = _named(load_webhooks(settings.webhooks_file), name)
    body = orjson.dumps({"type": "webhook_test", "endpoint": name, "occurred_at": rfc3339(now_s)})
    attributes = {
        "ce_specversion": b"1.0",
        "ce_id": webhook_id.encode(),
        "ce_source": b"/leadstream",
        "ce_type": b"leadstream.webhook_test",
        "ce_time": rfc3339(now_s).encode(),
    }
    headers = {**http_headers(attributes), **signed_headers(signed.keys, webhook_id, now_s, body)}
    sender = Sender(signed.endpoint)
    started_s = time.perf_counter()
    try:
        return await sender.post(headers, body), time.perf_counter() - started_s
    finally:
        await sender.close()


async def enable_endpoint(settings: Settings, name: str) -> bool:
    """Let an endpoint be sent to again; tell whether it had been disabled."""
    if name not in {endpoint.name for endpoint in read_webhooks(settings.webhooks_file).webhook}:
        raise _unknown(name, [e.name for e in read_webhooks(settings.webhooks_file).webhook])
    await check_topics(settings)
    was_disabled = name in await read_disabled(settings)
    ledger = Ledger(settings, "operator")
    await ledger.open()
    try:
        await ledger.enable(name)
    finally:
        await ledger.close()
    return was_disabled


async def endpoints_with_standing(settings: Settings, now_s: float) -> list[dict[str, Any]]:
    """Return each endpoint of the file, and how far it is.

    Parameters
    ----------
    now_s
        The clock, epoch seconds.
    """
    endpoints = read_webhooks(settings.webhooks_file).webhook
    await check_topics(settings)
    disabled = await read_disabled(settings)
    waiting = await _waiting(settings)
    behind = await _behind(settings, endpoints)
    found = []
    for endpoint in endpoints:
        kept = waiting.get(endpoint.name, [])
        oldest = min(kept, key=lambda delivery: delivery.received_s, default=None)
        failed = max((d for d in kept if d.failure), key=lambda d: d.due_s, default=None)
        found.append(
            {
                "name": endpoint.name,
                "url": endpoint.url,
                "messages": endpoint.messages,
                "disabled_since": disabled.get(endpoint.name),
                "waiting": len(kept),
                "oldest_waiting_s": None if oldest is None else now_s - oldest.received_s,
                "last_failure": None if failed is None else failed.failure,
                "behind": behind[endpoint.name],
            }
        )
    return found


async def _waiting(settings: Settings) -> dict[str, list[Delivery]]:
    name = settings.topic(topics.WEBHOOK_DELIVERIES.name)
    latest: dict[bytes, Delivery] = {}
    for number in range(await partitions_of(settings, topics.WEBHOOK_DELIVERIES)):
        async for batch in read_batches(settings, name, number):
            for record in batch:
                if record.value is None:
                    latest.pop(record.key, None)
                else:
                    latest[record.key] = of_stored(record.value)
    found: dict[str, list[Delivery]] = {}
    for delivery in latest.values():
        found.setdefault(delivery.endpoint, []).append(delivery)
    return found


async def _behind(settings: Settings, endpoints: tuple[Endpoint, ...]) -> dict[str, int]:
    """Return how many records each endpoint's group has still to read; 0 before its first.

    Kafka's transaction marks are among them.
    """
    reader, admin = new_reader(settings), new_admin(settings)
    await reader.start()
    await admin.start()
    try:
        found = {}
        for endpoint in endpoints:
            sources = [
                TopicPartition(settings.topic(topic), number)
                for topic in sources_of(endpoint)
                for number in range(await partitions_of(settings, topics_by_name[topic]))
            ]
            committed = await admin.list_consumer_group_offsets(
                group_of(settings, endpoint.name), partitions=sources
            )
            ends = await reader.end_offsets(sources)
            found[endpoint.name] = sum(
                max(0, ends[where] - at.offset) for where, at in committed.items() if at.offset >= 0
            )
        return found
    finally:
        await reader.stop()
        await admin.close()


topics_by_name = {topic.name: topic for topic in topics.TOPICS}


def _named(webhooks: list[Signed], name: str) -> Signed:
    for signed in webhooks:
        if signed.endpoint.name == name:
            return signed
    raise _unknown(name, [signed.endpoint.name for signed in webhooks])


def _unknown(name: str, known: list[str]) -> WebhooksFileError:
    return WebhooksFileError(
        f"there is no webhook {name!r}; known are {', '.join(known) or 'none'} "
        "(LEADSTREAM_WEBHOOKS_FILE)"
    )
