"""What a batch's sender makes of the client's errors."""

import asyncio
import gc
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from stream.kafka.transactions import append, transact


def shut_out(error: Exception, sending_fails: Exception) -> Any:
    """Return a producer whose sender ended while a batch was being put together."""
    sending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    sending.set_exception(error)

    @asynccontextmanager
    async def transaction() -> Any:
        yield

    async def send_batch(*_: object, **__: object) -> None:
        raise sending_fails

    return SimpleNamespace(
        transaction=transaction,
        send_batch=send_batch,
        create_batch=lambda: SimpleNamespace(append=lambda **_: True, record_count=lambda: 1),
        _sender=SimpleNamespace(sender_task=sending),
    )


@pytest.mark.parametrize(
    ("ended_with", "raised"),
    [(ProducerFenced(), ProducerFenced), (KafkaError("broken"), IllegalOperation)],
)
async def test_who_is_shut_out_halfway_hears_that_another_has_taken_over(
    ended_with: Exception, raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        await transact(shut_out(ended_with, IllegalOperation()), [("topic", 0, b"k", b"v", [])])


async def test_the_error_that_it_ended_with_is_no_cause_of_itself() -> None:
    ended_with = ProducerFenced()
    with pytest.raises(ProducerFenced) as raised:
        await transact(shut_out(ended_with, ended_with), [("topic", 0, b"k", b"v", [])])
    assert raised.value.__cause__ is None


class _Batches:
    """A producer whose batches all fail."""

    def create_batch(self):
        records = []
        return SimpleNamespace(
            append=lambda **record: records.append(record) or record,
            record_count=lambda: len(records),
        )

    async def send_batch(self, *_, **__):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ProducerFenced())
        return future


async def test_of_several_failures_one_is_raised_and_none_is_logged_later():
    logged = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    with pytest.raises(ProducerFenced):
        await append(_Batches(), [("topic", n, b"k", b"v", []) for n in range(3)])
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    assert logged == []
