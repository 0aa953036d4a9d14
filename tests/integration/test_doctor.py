"""Doctor asks a Kafka: before its topics are there, after, and while a worker works."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from worker_process import environment, feed, own_settings, ran, same_but, workers

from stream.cli.run import SIMULATION_START
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.settings import Settings
from stream.simulator import Simulation

pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(120)]


def _asked(settings: Settings) -> tuple[int, dict[str, Any]]:
    done = ran(environment(settings), "doctor", "--json")
    assert done.stdout, done.stderr
    return done.returncode, orjson.loads(done.stdout)


def _levels(report: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in report["findings"]}


def _alter(settings: Settings, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource("topic", settings.topic(topic), incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(15)


async def test_topics_that_are_missing_made_and_altered_are_told(kafka: Broker) -> None:
    settings = own_settings(kafka, clock="wall")

    code, report = _asked(settings)
    assert code == 1
    assert report["counts"]["fail"] == 1
    assert _levels(report)["topics"] == "fail"

    await ensure_topics(settings)
    code, report = _asked(settings)
    assert (code, report["counts"]["fail"]) == (0, 0), report
    levels = _levels(report)
    assert {levels[name] for name in ("python", "libraries", "settings", "kafka version")} == {"ok"}
    assert {levels[f"topic {name}"] for name in ("lead-events", "lead-states")} == {"ok"}

    _alter(settings, "lead-states", "cleanup.policy", "delete")
    code, report = _asked(same_but(settings, partitions=5))
    assert code == 1
    values = [f["value"] for f in report["findings"] if f["check"] == "topic lead-states"]
    assert values == [
        "4 partitions, LEADSTREAM_PARTITIONS says 5",
        "cleanup.policy=delete: old states and models go",
    ]


async def test_the_clock_is_compared_with_what_workers_have_just_written(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, late_grace_s=3e6)
    await ensure_topics(settings)
    with workers(settings, tmp_path):
        await feed(settings, Simulation(events=50, seed=3, start=SIMULATION_START))
        _, report = await asyncio.to_thread(_asked, settings)
    (clock,) = [f for f in report["findings"] if f["check"] == "clock"]
    assert clock["level"] == "ok"
    assert "the newest record is" in clock["value"]


def test_a_kafka_that_is_not_there_fails_in_words() -> None:
    code, report = _asked(Settings(kafka_bootstrap="127.0.0.1:1"))
    assert code == 1
    assert report["findings"][-1]["value"].startswith("127.0.0.1:1 does not answer")
    assert "LEADSTREAM_KAFKA_BOOTSTRAP" in report["findings"][-1]["remedy"]


def test_the_embedded_broker_is_known_for_what_it_is() -> None:
    with EmbeddedKafka() as broker:
        code, report = _asked(Settings(kafka_bootstrap=broker.bootstrap))
    assert code == 1
    assert "embedded development broker" in report["findings"][-1]["value"]
