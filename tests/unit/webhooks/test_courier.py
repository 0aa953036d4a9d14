"""What a courier does with endpoints that answer this and that, without a Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from webhook_receiver import Receiver, always, receiver

from stream import metrics
from stream.settings import Settings
from stream.webhooks import courier as courier_module
from stream.webhooks.courier import Courier
from stream.webhooks.deliveries import Delivery, Source
from stream.webhooks.endpoints import Endpoint
from stream.webhooks.loading import Signed
from stream.webhooks.schedule import GIVE_UP_AFTER_S
from stream.webhooks.signing import parse_secrets
from stream.webhooks.waiting_line import WaitingLine

TOPIC = "nurture-triggers"


class FakeReading:
    """One partition that is given by hand, and what was committed of it."""

    def __init__(self, _settings: Settings, endpoint: Endpoint, _writer: str) -> None:
        self.line = WaitingLine({TOPIC: 0}, keeps_order=endpoint.order == "lead")
        self.line.restored()
        self.lines = {0: self.line}
        self.committed: dict[str, int] = {}
        self.has_new_partitions = False
        self.is_ready = True

    async def open(self, listener: object) -> None:
        pass

    async def close(self) -> None:
        pass

    async def read(self) -> None:
        await asyncio.sleep(0.01)

    async def commit(self, lines: dict[int, WaitingLine]) -> None:
        for line in lines.values():
            self.committed |= line.committable()

    def take_lines(self) -> dict[int, WaitingLine]:
        lines, self.lines = self.lines, {}
        return lines


class FakeLedger:
    """What was written, in its order."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []

    async def keep(self, delivery: Delivery) -> None:
        self.written.append(("keep", delivery))

    async def drop(self, delivery: Delivery) -> None:
        self.written.append(("drop", delivery.webhook_id))

    async def tell(self, letter: Any) -> None:
        self.written.append(("tell", letter.label))

    async def disable(self, endpoint: str, _now_s: float) -> None:
        self.written.append(("disable", endpoint))

    def of(self, what: str) -> list[Any]:
        return [value for done, value in self.written if done == what]


class FakeStanding:
    """Endpoints that are disabled."""

    def __init__(self) -> None:
        self.disabled: set[str] = set()

    def is_disabled(self, endpoint: str) -> bool:
        return endpoint in self.disabled

    def disable(self, endpoint: str) -> None:
        self.disabled.add(endpoint)


class Clock:
    """Wall time that can be moved, since receivers look at it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


class Bench:
    """A courier at work, and all that it touches."""

    def __init__(self, receiving: Receiver, **fields: Any) -> None:
        endpoint = Endpoint(
            name="crm",
            url=receiving.url,
            secret_env="S",  # noqa: S106 - a variable's name
            messages=("nurture_triggered",),
            private_network=True,
            **fields,
        )
        self.clock, self.ledger, self.standing = Clock(), FakeLedger(), FakeStanding()
        signed = Signed(endpoint, parse_secrets(receiving.secret))
        kafka: Any = self.ledger
        standing: Any = self.standing
        self.courier = Courier(
            Settings(), signed, kafka, standing, "w", clock=self.clock, chance=lambda: 0.0
        )
        self.reading: Any = self.courier._reading

    @property
    def line(self) -> WaitingLine:
        line: WaitingLine = self.reading.line
        return line

    def give(self, *numbers: int, age_s: float = 0.0) -> None:
        for number in numbers:
            self.line.read(
                Delivery(
                    endpoint="crm",
                    webhook_id=f"id-{number}",
                    source=Source(TOPIC, 0, number),
                    lead_id=f"lead-{number % 3}",
                    headers={"ce-id": f"id-{number}", "content-type": "application/json"},
                    body=b'{"type":"nurture_triggered","number":%d}' % number,
                    received_s=self.clock() - age_s,
                    due_s=self.clock() - age_s,
                )
            )
        self.courier.wake()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - of fakes that tell nothing
                await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _without_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "Reading", FakeReading)
    metrics.WEBHOOK_ATTEMPTS.clear()


@pytest.fixture
async def begin() -> AsyncIterator[Callable[..., Bench]]:
    running: list[asyncio.Task[None]] = []

    def begun(receiving: Receiver, **fields: Any) -> Bench:
        bench = Bench(receiving, **fields)
        running.append(asyncio.ensure_future(bench.courier.run()))
        return bench

    yield begun
    for task in running:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_taken_at_once_is_written_down_nowhere_but_in_the_offset(begin):
    async with receiver() as crm:
        bench = begin(crm)
        bench.give(*range(20))
        await bench.until(lambda: bench.line.size == 0)
        await bench.until(lambda: bench.reading.committed == {TOPIC: 20})
    assert bench.ledger.written == []
    assert crm.headers[0]["ce-id"] == crm.headers[0]["webhook-id"]
    assert crm.headers[0]["Content-Type"] == "application/json"
    assert metrics.WEBHOOK_ATTEMPTS.labels("crm", "delivered")._value.get() == 20


async def test_what_is_refused_is_stored_and_dropped_when_it_is_taken(begin):
    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=422 if message["number"] == 1 and not seen else 204)

    async with receiver(answer) as crm:
        bench = begin(crm)
        bench.give(0, 1, 2)
        await bench.until(lambda: bench.line.size == 1)
        (kept,) = bench.ledger.of("keep")
        assert (kept.webhook_id, kept.attempts, kept.failure) == ("id-1", 1, "answered 422")
        assert bench.line.committable() == {TOPIC: 3}
        bench.clock.ahead_s = 5.1
        bench.courier.wake()
        await bench.until(lambda: bench.line.size == 0)
    assert bench.ledger.of("drop") == ["id-1"]


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
async def test_only_2xx_is_taken_and_no_redirect_is_followed(begin, status):
    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=status, headers={"Location": "/hook"})

    async with receiver(answer) as crm:
        bench = begin(crm)
        bench.give(0)
        await bench.until(lambda: bool(bench.ledger.of("keep")))
        assert len(crm.came) == 1
        assert bench.ledger.of("keep")[0].failure == f"answered {status}"


async def test_what_hangs_is_left_after_its_time(begin):
    async def answer(message: dict[str, Any], seen: int) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with receiver(answer) as crm:
        bench = begin(crm, timeout_s=1.0)
        bench.give(0)
        await bench.until(lambda: bool(bench.ledger.of("keep")))
    assert bench.ledger.of("keep")[0].failure == "no answer within 1 s"


async def test_an_endpoint_that_is_down_is_asked_once_a_pause_and_then_gets_all(begin):
    is_down = True

    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=500 if is_down else 200)

    async with receiver(answer) as crm:
        bench = begin(crm, in_flight=4)
        bench.clock.ahead_s = -200.0  # receivers take what is five minutes off
        bench.give(*range(60))
        await bench.until(lambda: bench.courier._circuit.is_open and not bench.courier._attempts)
        first = len(crm.came)
        assert 5 <= first <= 8
        await asyncio.sleep(0.2)  # a moment in which it would be asked again
        assert len(crm.came) == first
        bench.clock.ahead_s = -194.9
        bench.courier.wake()
        await bench.until(lambda: len(crm.came) == first + 1)
        await bench.until(lambda: not bench.courier._attempts)
        assert bench.courier._circuit.is_open
        is_down = False
        bench.clock.ahead_s = 200.0
        bench.courier.wake()
        await bench.until(lambda: bench.line.size == 0)
    assert set(crm.taken.values()) == {1}
    assert len(crm.taken) == 60


async def test_at_an_endpoint_that_stays_down_messages_become_letters(begin):
    crm = Receiver(url="http://127.0.0.1:9/hook")
    bench = begin(crm)
    bench.give(*range(12))
    await bench.until(lambda: bench.courier._circuit.is_open and not bench.courier._attempts)
    assert bench.ledger.of("tell") == []
    bench.courier._circuit = courier_module.Circuit(9, bench.clock() + 2 * GIVE_UP_AFTER_S)
    bench.clock.ahead_s = GIVE_UP_AFTER_S + 60
    bench.courier.wake()
    await bench.until(lambda: bench.line.size == 0)
    assert bench.ledger.of("tell") == ["undelivered"] * 12
    kept = {d.webhook_id for d in bench.ledger.of("keep")}
    assert set(bench.ledger.of("drop")) == kept
    assert all(d.failure == "no connection" for d in bench.ledger.of("keep"))


async def test_gone_disables_and_nothing_more_is_sent(begin):
    async with receiver(always(410)) as crm:
        bench = begin(crm, in_flight=1)
        bench.give(*range(5))
        await bench.until(lambda: bool(bench.ledger.of("keep")))
        await asyncio.sleep(0.1)  # a moment in which it would be sent the next
        assert len(crm.came) == 1
        assert bench.ledger.written[0] == ("disable", "crm")
        bench.courier.observe()
        assert metrics.WEBHOOK_DISABLED.labels("crm")._value.get() == 1
        assert metrics.WEBHOOK_WAITING.labels("crm")._value.get() == 5
        crm.answer = always(200)
        bench.standing.disabled.clear()
        bench.courier.wake()
        await bench.until(lambda: bench.line.size == 0)


async def test_what_is_under_way_ends_before_partitions_are_let_go(begin):
    async def answer(message: dict[str, Any], seen: int) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response()

    async with receiver(answer) as crm:
        bench = begin(crm)
        bench.give(0, 1)
        await crm.until(lambda r: len(r.came) == 2, 10)
        await bench.courier.on_partitions_revoked(())
        assert bench.line.size == 0
        assert bench.reading.committed == {TOPIC: 2}


async def test_a_ledger_that_fails_for_good_ends_the_courier(begin, monkeypatch):
    async with receiver(always(500)) as crm:
        bench = Bench(crm)

        async def fail(delivery: Delivery) -> None:
            raise PermissionError

        monkeypatch.setattr(bench.ledger, "keep", fail)
        bench.give(0)
        with pytest.raises(PermissionError):
            async with asyncio.timeout(10):
                await bench.courier.run()
