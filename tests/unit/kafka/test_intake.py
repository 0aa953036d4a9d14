"""Records are acknowledged or their sender hears of it, whatever Kafka does and however late."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, TopicAuthorizationFailedError

from stream.kafka import intake
from stream.kafka.administration import TopicError
from stream.kafka.intake import Intake, NotAcknowledgedError
from stream.lead.outputs import Output
from stream.settings import Settings

RECORDS = [Output("page-views", b"lead-1", b"1", []), Output("crm-updates", b"", b"2", [])]


class Producer:
    """A producer that does as the test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, int | None]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.has_given_up = False
        self.fault: Exception | None = None
        self.starts = 0
        self.stops = 0

    async def start(self) -> None:
        self.starts += 1
        self.has_given_up = False

    async def stop(self) -> None:
        self.stops += 1

    async def partitions_for(self, _: str) -> set[int]:
        if self.fault is not None:
            raise self.fault
        return {0, 1, 2, 3}

    async def send(
        self, topic: str, *, key: bytes | None, partition: int | None, **_: Any
    ) -> asyncio.Future[Any]:
        if self.fault is not None:
            raise self.fault
        self.sent.append((topic, key, partition))
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    made = Producer()
    monkeypatch.setattr(intake, "new_producer", lambda _: made)
    monkeypatch.setattr(intake, "has_given_up", lambda one: one.has_given_up)
    return made


@pytest.fixture
async def opened(producer: Producer) -> Intake:
    found = Intake(Settings(topic_prefix="t-"), timeout_s=0.05)
    await found.open()
    return found


async def test_it_returns_once_all_are_acknowledged(opened: Intake, producer: Producer) -> None:
    settled: list[str] = []
    waiting = asyncio.create_task(opened.append(RECORDS, lambda: settled.append("now")))
    await asyncio.sleep(0)
    assert producer.sent == [("t-page-views", b"lead-1", 0), ("t-crm-updates", None, None)]
    producer.futures[0].set_result(None)
    await asyncio.sleep(0)
    assert not waiting.done()
    producer.futures[1].set_result(None)
    await waiting
    assert settled == ["now"]


async def test_what_is_late_is_not_acknowledged_and_stays_under_way_until_it_is_settled(
    opened: Intake, producer: Producer
) -> None:
    settled: list[str] = []
    with pytest.raises(NotAcknowledgedError, match=r"within 0\.05 s"):
        await opened.append(RECORDS, lambda: settled.append("now"))
    assert settled == []
    for future in producer.futures:
        future.set_result(None)
    await asyncio.sleep(0)
    assert settled == ["now"]


@pytest.mark.parametrize("late", [False, True])
async def test_a_refused_record_is_told(opened: Intake, producer: Producer, late: bool) -> None:
    waiting = asyncio.create_task(opened.append(RECORDS))
    await asyncio.sleep(0.1 if late else 0)
    producer.futures[0].set_exception(KafkaTimeoutError())
    producer.futures[1].set_result(None)
    with pytest.raises(NotAcknowledgedError, match="within" if late else "KafkaTimeoutError"):
        await waiting


async def test_what_kafka_does_not_take_is_settled_at_once(
    opened: Intake, producer: Producer
) -> None:
    settled: list[str] = []
    producer.fault = KafkaConnectionError("away")
    with pytest.raises(NotAcknowledgedError, match="KafkaConnectionError: away"):
        await opened.append(RECORDS, lambda: settled.append("now"))
    assert settled == ["now"]


async def test_nothing_to_append_is_acknowledged(opened: Intake) -> None:
    settled: list[str] = []
    await opened.append([], lambda: settled.append("now"))
    assert settled == ["now"]


async def test_a_producer_that_has_given_up_is_started_anew(
    opened: Intake, producer: Producer
) -> None:
    assert opened.is_ready
    producer.has_given_up = True
    assert not opened.is_ready
    await asyncio.gather(*(opened.append([]) for _ in range(3)))
    assert (producer.starts, producer.stops) == (2, 1)
    await opened.close()
    assert producer.stops == 2
    assert not opened.is_ready


async def test_topics_that_cannot_be_written_to_are_named(producer: Producer) -> None:
    producer.fault = TopicAuthorizationFailedError()
    with pytest.raises(TopicError, match=r"t-page-views.*TopicAuthorizationFailedError"):
        await Intake(Settings(topic_prefix="t-"), 1.0).open()
    assert producer.stops == 1
