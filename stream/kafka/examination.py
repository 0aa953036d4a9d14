"""Asks Kafka what `leadstream doctor` judges; changes nothing."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from schemas.topics import TOPICS
from stream.doctor.facts import ClusterFacts, TopicFacts
from stream.kafka.authorization import client_configuration
from stream.kafka.clients import security
from stream.settings import Settings

REACH_S = 10.0
ASK_S = 15.0


class ExaminationError(RuntimeError):
    """Kafka cannot be looked into.

    Parameters
    ----------
    value, remedy
        What was found, and what to do.
    """

    def __init__(self, value: str, remedy: str) -> None:
        super().__init__(f"{value}: {remedy}")
        self.value = value
        self.remedy = remedy


async def examine(settings: Settings) -> ClusterFacts:
    """Return what Kafka tells of itself; what this user may not ask is left empty.

    Raises
    ------
    ExaminationError
        If nobody answers within ten seconds, or only the embedded broker does.
    """
    admin = AdminClient(client_configuration(settings))
    started_s = time.monotonic()
    try:
        metadata = await asyncio.to_thread(admin.list_topics, timeout=REACH_S)
    except KafkaException as error:
        raise _silent(settings, error.args[0].str()) from None
    if str(metadata.cluster_id).startswith("mockCluster"):
        raise ExaminationError(
            f"{settings.kafka_bootstrap} is the embedded development broker",
            "name a Kafka in LEADSTREAM_KAFKA_BOOTSTRAP: this one tells nothing of itself",
        )
    answered_ms = (time.monotonic() - started_s) * 1000
    try:
        apis = await _apis(settings, next(iter(metadata.brokers.values())))
    except (KafkaError, OSError) as error:
        raise _silent(settings, f"{type(error).__name__} {error}") from None
    return await asyncio.to_thread(_examined, admin, settings, metadata, answered_ms, apis)


def _silent(settings: Settings, why: str) -> ExaminationError:
    return ExaminationError(
        f"{settings.kafka_bootstrap} does not answer ({why})",
        "check LEADSTREAM_KAFKA_BOOTSTRAP, the security settings, and the way there",
    )


def _examined(
    admin: AdminClient,
    settings: Settings,
    metadata: Any,
    answered_ms: float,
    apis: Mapping[int, int],
) -> ClusterFacts:
    names = [settings.topic(topic.name) for topic in TOPICS]
    described: dict[str, Any] = {
        name: result
        for name, future in admin.describe_topics(
            TopicCollection(names), request_timeout=ASK_S
        ).items()
        if (result := _told(future)) is not None
    }
    newest = _newest(admin, described)
    told = _configurations(admin, list(described), next(iter(metadata.brokers)))
    return ClusterFacts(
        brokers=tuple(f"{b.host}:{b.port}" for _, b in sorted(metadata.brokers.items())),
        answered_ms=answered_ms,
        apis=apis,
        configuration=told.get("", {}),
        topics=tuple(
            _facts(topic.name, described.get(name), told.get(name, {}), newest.get(name))
            for topic, name in zip(TOPICS, names, strict=True)
        ),
        members=_members(admin, settings.app_id),
        now_s=time.time(),
    )


def _told(future: Any) -> Any:
    """Return an answer; None where this user may not ask, or Kafka cannot tell."""
    try:
        return future.result(ASK_S)
    except KafkaException:
        return None


def _facts(
    name: str, described: Any, configuration: Mapping[str, str], newest_s: float | None
) -> TopicFacts:
    if described is None:
        return TopicFacts(name, partitions=0)
    partitions = described.partitions
    return TopicFacts(
        name,
        partitions=len(partitions),
        replicas=min(len(p.replicas) for p in partitions),
        leaderless=sum(p.leader is None or p.leader.id < 0 for p in partitions),
        behind=sum(len(p.isr) < len(p.replicas) for p in partitions),
        configuration=configuration,
        newest_s=newest_s,
    )


def _configurations(admin: AdminClient, names: list[str], broker: int) -> dict[str, dict[str, str]]:
    """Return what is configured for each topic, and for a broker under the name ``""``."""
    resources = {ConfigResource(ResourceType.TOPIC, name): name for name in names}
    resources[ConfigResource(ResourceType.BROKER, str(broker))] = ""
    found = {}
    # One at a time: librdkafka asks one broker a call at most.
    for resource, name in resources.items():
        asked: dict[Any, Any] = admin.describe_configs([resource], request_timeout=ASK_S)
        for future in asked.values():
            entries = _told(future)
            if entries is not None:
                found[name] = {entry.name: entry.value for entry in entries.values()}
    return found


def _newest(admin: AdminClient, described: Mapping[str, Any]) -> dict[str, float]:
    """Return the timestamp of each topic's newest record, epoch seconds."""
    asked = {
        TopicPartition(name, partition.id): OffsetSpec.max_timestamp()
        for name, topic in described.items()
        for partition in topic.partitions
    }
    if not asked:
        return {}
    newest: dict[str, float] = {}
    answers: dict[Any, Any] = admin.list_offsets(asked, request_timeout=ASK_S)
    for where, future in answers.items():
        told = _told(future)
        if told is not None and told.timestamp > 0:
            newest[where.topic] = max(newest.get(where.topic, 0.0), told.timestamp / 1000)
    return newest


def _members(admin: AdminClient, group: str) -> int | None:
    asked: dict[str, Any] = admin.describe_consumer_groups([group], request_timeout=ASK_S)
    told = _told(asked[group])
    return None if told is None else len(told.members)


async def _apis(settings: Settings, broker: Any) -> dict[int, int]:
    """Return the requests that a broker knows, each with its highest version."""
    connection = await create_conn(
        broker.host,
        broker.port,
        client_id=settings.app_id,
        request_timeout_ms=int(ASK_S * 1000),
        **security(settings),
    )
    try:
        answer = await connection.send(ApiVersionRequest())
        return {key: highest for key, _, highest in answer.api_versions}
    finally:
        connection.close()
