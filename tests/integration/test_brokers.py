"""The development brokers as clients see them."""

import asyncio
import re
import uuid
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.choose import open_broker
from stream.kafka.brokers.distribution import DEPLOY, KAFKA_VERSION
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.brokers.external import ExternalKafka

_READ_S = 20.0


@pytest.fixture
def topic(kafka: Broker) -> str:
    name = f"brokers-{uuid.uuid4().hex[:8]}"
    if kafka.has_admin:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.create_topics([NewTopic(name, 2, 1)])[name].result(_READ_S)
    return name


@pytest.fixture
def embedded() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as broker:
        yield broker


async def read(bootstrap: str, topic: str, count: int, isolation: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level=isolation,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(_READ_S):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


@pytest.mark.kafka
@pytest.mark.transactions
async def test_readers_of_committed_records_see_no_aborted_ones(kafka: Broker, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed", partition=0)
    finally:
        await producer.stop()

    assert await read(kafka.bootstrap, topic, 1, "read_committed") == [b"committed"]
    assert await read(kafka.bootstrap, topic, 2, "read_uncommitted") == [b"aborted", b"committed"]


@pytest.mark.kafka
@pytest.mark.transactions
async def test_offsets_belong_to_the_transaction(kafka: Broker, topic: str) -> None:
    source, group = TopicPartition(topic, 1), f"group-{topic}"
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False
    )
    await producer.start()
    await consumer.start()
    consumer.assign([source])
    try:
        await producer.begin_transaction()
        await producer.send(topic, b"output", partition=0)
        await producer.send_offsets_to_transaction({source: 7}, group)
        await producer.abort_transaction()
        assert await consumer.committed(source) is None

        async with producer.transaction():
            await producer.send(topic, b"output", partition=0)
            await producer.send_offsets_to_transaction({source: 42}, group)
        # The commit is durable before its markers are written: offsets show a moment later.
        async with asyncio.timeout(_READ_S):
            while (offset := await consumer.committed(source)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert offset == 42
    finally:
        await producer.stop()
        await consumer.stop()


async def test_what_goes_into_the_embedded_broker_comes_out(embedded: EmbeddedKafka) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=embedded.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait("page-views", b"first", partition=0)
        await producer.send_and_wait("page-views", b"second", partition=0)
    finally:
        await producer.stop()

    found = await read(embedded.bootstrap, "page-views", 2, "read_committed")
    assert found == [b"first", b"second"]


async def test_the_embedded_broker_creates_topics_with_as_many_partitions_as_asked(
    embedded: EmbeddedKafka,
) -> None:
    embedded.create_topic("page-views", partitions=7)

    metadata = AdminClient({"bootstrap.servers": embedded.bootstrap}).list_topics(timeout=_READ_S)
    assert len(metadata.topics["page-views"].partitions) == 7
    with pytest.raises(BrokerError, match="page-views with 3 partitions"):
        embedded.create_topic("page-views", partitions=3)


def test_an_address_with_an_embedded_broker_behind_it_is_known_to_be_one(
    embedded: EmbeddedKafka,
) -> None:
    with open_broker(embedded.bootstrap) as broker:
        assert broker.kind == "external"
        assert not broker.has_transactions
        assert not broker.has_admin


def test_an_address_where_nobody_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.kafka.brokers.external._READY_S", 0.3)
    with pytest.raises(BrokerError, match=re.escape("127.0.0.1:1 is not ready after 0.3 s")):
        ExternalKafka("127.0.0.1:1").start()


@pytest.mark.parametrize("kafka_option", ["", "podman", "localhost", "localhost:port"])
def test_an_unknown_broker_is_refused_with_the_choices(kafka_option: str) -> None:
    with pytest.raises(BrokerError, match="give embedded, jvm, docker or HOST:PORT"):
        open_broker(kafka_option)


def test_a_broker_without_address_says_start_it_first() -> None:
    with pytest.raises(BrokerError, match=re.escape("call start()")):
        _ = open_broker("jvm").bootstrap


def test_the_jars_are_of_the_version_that_the_brokers_name() -> None:
    pom = (DEPLOY / "pom.xml").read_text()
    assert f"<kafka.version>{KAFKA_VERSION}</kafka.version>" in pom
