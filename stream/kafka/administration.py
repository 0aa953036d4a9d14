"""Creating the topics, or verifying that those that are there keep the contract."""

from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from schemas import topics
from stream.expected import ExpectedError
from stream.kafka.clients import MAX_REQUEST_BYTES, new_admin
from stream.settings import Settings


class TopicError(ExpectedError, RuntimeError):
    """A topic is not as the contract says; the message names topic, value and remedy."""


@dataclass(frozen=True)
class TopicReport:
    """What was found or done for one topic."""

    name: str
    partitions: int
    cleanup: str
    retention_s: int | None
    created: bool
    fault: str | None


async def ensure_topics(settings: Settings, *, create: bool = True) -> list[TopicReport]:
    """Create what is missing and compare the rest with the contract.

    Raises
    ------
    TopicError
        If Kafka refuses to create a topic.
    """
    admin = new_admin(settings)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [t for t in topics.TOPICS if settings.topic(t.name) not in there]
        if create and missing:
            await _create(admin, settings, missing)
        reports = []
        for topic in topics.TOPICS:
            absent = topic in missing
            if absent and not create:
                fault = f"{settings.topic(topic.name)} is missing; run `leadstream topics`"
                reports.append(_report(settings, topic, _partitions(settings, topic), fault))
            else:
                reports.append(await _verify(admin, settings, topic, created=absent))
        return reports
    finally:
        await admin.close()


def _partitions(settings: Settings, topic: topics.Topic) -> int:
    return topic.partitions or settings.partitions


def configuration_of(topic: topics.Topic) -> dict[str, str]:
    """Return what a topic is created with, as Kafka names it."""
    configuration = {
        "cleanup.policy": topic.cleanup,
        "retention.ms": "-1" if topic.retention_s is None else str(topic.retention_s * 1000),
        "max.message.bytes": str(MAX_REQUEST_BYTES),
    }
    if "compact" in topic.cleanup:
        configuration["min.cleanable.dirty.ratio"] = "0.2"
    return configuration


async def _create(
    admin: AIOKafkaAdminClient, settings: Settings, missing: list[topics.Topic]
) -> None:
    response = await admin.create_topics(
        [
            NewTopic(
                name=settings.topic(topic.name),
                num_partitions=_partitions(settings, topic),
                replication_factor=settings.replication,
                topic_configs=configuration_of(topic),
            )
            for topic in missing
        ],
        timeout_ms=30_000,
    )
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicError(
                f"topic {name} cannot be created: {error.__name__} {message}; check "
                f"LEADSTREAM_REPLICATION = {settings.replication} and the user's rights"
            )


async def _verify(
    admin: AIOKafkaAdminClient, settings: Settings, topic: topics.Topic, *, created: bool
) -> TopicReport:
    name = settings.topic(topic.name)
    partitions = _partitions(settings, topic)
    if created:
        return _report(settings, topic, partitions, None, created=True)
    (description,) = await admin.describe_topics([name])
    found = len(description["partitions"])
    fault = None
    if found != partitions:
        setting = "LEADSTREAM_PARTITIONS" if topic.partitions is None else "the contract"
        fault = (
            f"{name} has {found} partitions, {setting} says {partitions}; set "
            f"LEADSTREAM_PARTITIONS={found}, or create the topic anew"
        )
    configured = await _described(admin, name)
    cleanup = configured.get("cleanup.policy", topic.cleanup)
    if set(cleanup.split(",")) != set(topic.cleanup.split(",")):
        fault = f"{name} has cleanup.policy={cleanup}, it must be {topic.cleanup}; alter the topic"
    return _report(settings, topic, found, fault)


async def _described(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    responses: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name)]
    )
    entries: dict[str, str] = {}
    for response in responses:
        for resource in response.resources:
            for entry in resource[4]:
                entries[entry[0]] = entry[1]
    return entries


def _report(
    settings: Settings,
    topic: topics.Topic,
    partitions: int,
    fault: str | None,
    *,
    created: bool = False,
) -> TopicReport:
    return TopicReport(
        settings.topic(topic.name), partitions, topic.cleanup, topic.retention_s, created, fault
    )
