"""The same worker on a Kafka that asks who is there and encrypts."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from aiokafka.errors import KafkaConnectionError
from worker_process import own_settings, workers

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.clients import new_producer, new_reader
from stream.settings import Settings

DEADLINE_S = 40


async def _first_score(settings: Settings) -> dict[str, object]:
    reader = new_reader(settings, settings.topic(topics.LEAD_SCORES.name))
    producer = new_producer(settings)
    await reader.start()
    await producer.start()
    event = {
        "type": "page_view",
        "event_id": "e1",
        "occurred_at": datetime.now(UTC).isoformat(),
        "lead_id": "L1",
        "url": "https://example.com/pricing",
    }
    try:
        await producer.send_and_wait(
            settings.topic(topics.PAGE_VIEWS.name), value=orjson.dumps(event)
        )
        async with asyncio.timeout(DEADLINE_S):
            record = await reader.getone()
        found: dict[str, object] = orjson.loads(record.value)
        return found
    finally:
        await producer.stop()
        await reader.stop()


@pytest.mark.kafka
@pytest.mark.transactions
def test_leads_are_scored_over_tls_with_a_user_and_its_password(
    kafka: Broker, tmp_path: Path
) -> None:
    try:
        broker = JvmKafka(sasl=True, tls=True)
        broker.start()
    except BrokerError as error:
        if kafka.kind == "jvm":
            raise
        pytest.skip(f"no Kafka of our own can be secured here: {error}")
    with broker:
        settings = own_settings(
            broker,
            clock="wall",
            partitions=1,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_username=broker.user,
            kafka_sasl_password=broker.password,
            kafka_ssl_ca_file=broker.ca_file,
        )
        asyncio.run(ensure_topics(settings))
        with workers(settings, tmp_path):
            score = asyncio.run(_first_score(settings))
        assert (score["lead_id"], score["points"]) == ("L1", 20.0)
        distrusting = settings.model_copy(update={"kafka_ssl_ca_file": None})
        with pytest.raises(KafkaConnectionError):
            asyncio.run(ensure_topics(distrusting))
