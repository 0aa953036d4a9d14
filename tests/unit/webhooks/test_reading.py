"""What a group's records lead to: where it begins, what is restored, what is passed over."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from deliverer_process import trigger

from stream.settings import Settings
from stream.webhooks.deliveries import Delivery, Source, of_record
from stream.webhooks.endpoints import Endpoint
from stream.webhooks.ledger import WRITER
from stream.webhooks.reading import Reading

TRIGGERS, STORED = TopicPartition("nurture-triggers", 0), TopicPartition("webhook-deliveries", 0)
ENDPOINT = Endpoint(
    **{"name": "crm", "url": "https://crm.example/", "secret_env": "S"},
    messages=("nurture_triggered",),
    tiers=("hot",),
)


class FakeConsumer:
    """Kafka's side: two partitions with records, and what was committed."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[Any]] = defaultdict(list)
        self.positions: dict[TopicPartition, int] = {}
        self.committed_offsets: dict[TopicPartition, int] = {}
        self.assigned = {TRIGGERS, STORED}
        self.fails: Exception | None = None
        self.commits = 0

    def add(self, where: TopicPartition, value: bytes | None, key: bytes | None, headers: Any):
        offset = len(self.records[where])
        self.records[where].append(
            SimpleNamespace(
                topic=where.topic,
                partition=where.partition,
                offset=offset,
                key=key,
                value=value,
                headers=headers,
                timestamp=1_800_000_000_000 + offset,
            )
        )

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    async def committed(self, where: TopicPartition) -> int | None:
        if self.fails:
            raise self.fails
        return self.committed_offsets.get(where)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed_offsets |= offsets
        self.commits += 1

    async def end_offsets(self, wheres: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {where: len(self.records[where]) for where in wheres}

    def seek(self, where: TopicPartition, offset: int) -> None:
        self.positions[where] = offset

    async def position(self, where: TopicPartition) -> int:
        return self.positions[where]

    async def getmany(self, *wheres: TopicPartition, **_: Any) -> dict[TopicPartition, list[Any]]:
        found = {where: self.records[where][self.positions[where] :] for where in wheres}
        for where in wheres:
            self.positions[where] = len(self.records[where])
        return {where: records for where, records in found.items() if records}


@pytest.fixture
def consumer() -> FakeConsumer:
    return FakeConsumer()


@pytest.fixture
def reading(consumer: FakeConsumer) -> Reading:
    found = Reading(Settings(), ENDPOINT, "me")
    found._consumer = consumer
    found.has_new_partitions = True
    return found


def fire(consumer: FakeConsumer, number: int, **changed: Any) -> None:
    output = trigger(number, **changed)
    consumer.add(TRIGGERS, output.value, output.key, tuple(output.headers))


def stored(number: int, endpoint: str = "crm") -> Delivery:
    output = trigger(number)
    source = Source("nurture-triggers", 0, number)
    assert output.value is not None
    return of_record(endpoint, source, output.key, output.value, dict(output.headers), 5.0)


def keep(consumer: FakeConsumer, delivery: Delivery, writer: bytes, *, drop: bool = False) -> None:
    value = None if drop else delivery.stored()
    consumer.add(STORED, value, delivery.key, ((WRITER, writer),))


def numbers(reading: Reading) -> list[int]:
    line, found = reading.lines[0], []
    while line.next_due_s() is not None:
        found.append(int(line.take()[0].webhook_id, 16))
    return found


async def test_a_new_endpoint_begins_with_what_comes_from_now_on(reading, consumer):
    fire(consumer, 1)
    await reading.read()
    assert consumer.committed_offsets == {TRIGGERS: 1}
    fire(consumer, 2)
    await reading.read()
    assert numbers(reading) == [2]
    assert reading.is_ready


async def test_it_goes_on_where_it_was_with_what_was_stored(reading, consumer):
    consumer.committed_offsets[TRIGGERS] = 2
    for number in range(4):
        fire(consumer, number)
    for number, drop in ((0, False), (1, False), (0, True)):
        keep(consumer, stored(number), b"another", drop=drop)
    keep(consumer, stored(9, "other"), b"another")
    await reading.read()
    assert reading.is_ready
    await reading.read()
    assert numbers(reading) == [1, 2, 3]


async def test_while_it_works_its_own_records_are_known_and_those_of_others_count(
    reading, consumer
):
    await reading.read()
    keep(consumer, stored(1), b"me")
    keep(consumer, stored(2), b"operator")
    await reading.read()
    assert numbers(reading) == [2]


async def test_what_is_not_asked_for_or_no_output_is_passed_over(reading, consumer):
    await reading.read()
    fire(consumer, 0, tier="cold")
    consumer.add(TRIGGERS, b"not json", b"k", (("ce_type", b"leadstream.nurture_triggered"),))
    consumer.add(TRIGGERS, b"{}", None, ())
    consumer.add(TRIGGERS, None, b"k", (("ce_type", b"\xff"),))
    consumer.add(TRIGGERS, b"[]", b"k", (("ce_type", b"leadstream.nurture_triggered"),))
    consumer.add(
        TRIGGERS,
        b'{"type":"nurture_triggered"}',
        b"k",
        (("ce_type", b"leadstream.nurture_triggered"), ("ce_id", b"x")),
    )
    consumer.add(STORED, b"{}", b"crm/x", ())
    consumer.add(STORED, b"{}", None, ())
    fire(consumer, 1)
    await reading.read()
    assert numbers(reading) == [1]
    assert reading.lines[0].committable() == {"nurture-triggers": 6}


async def test_partitions_that_are_gone_again_are_left_and_kafkas_faults_tried_again(
    reading, consumer
):
    consumer.fails = IllegalStateError()
    await reading.read()
    assert not reading.lines
    reading.has_new_partitions = True
    consumer.fails = KafkaConnectionError()
    with pytest.raises(KafkaConnectionError):
        await reading.read()
    consumer.fails = None
    await reading.read()
    assert list(reading.lines) == [0]


async def test_only_what_has_changed_is_committed(reading, consumer):
    await reading.read()
    begun = consumer.commits
    for _ in range(3):
        await reading.commit(reading.lines)
    assert consumer.commits == begun + 1
    fire(consumer, 1, tier="cold")
    await reading.read()
    await reading.commit(reading.lines)
    assert consumer.committed_offsets == {TRIGGERS: 1}


async def test_a_process_without_partitions_is_ready(reading, consumer):
    consumer.assigned = set()
    await reading.read()
    assert reading.is_ready
    assert not reading.lines
