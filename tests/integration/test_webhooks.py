"""Outputs reach endpoints that fail, hang, refuse, vanish and come back; deliverers are killed."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from deliverer_process import (
    DelivererHandle,
    deliverer,
    metrics_of,
    send,
    send_as_of,
    trigger,
    webhook,
)
from webhook_receiver import Receiver, receiver
from worker_process import environment, own_settings, ran

from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.settings import Settings
from stream.webhooks.schedule import GIVE_UP_AFTER_S

KILLS = 3
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(180)]


@pytest.fixture
async def settings(kafka: Broker, tmp_path: Path) -> Settings:
    found = own_settings(kafka, webhooks_file=tmp_path / "webhooks.toml", clock="wall")
    await ensure_topics(found)
    return found


def write(settings: Settings, *parts: str) -> None:
    assert settings.webhooks_file is not None
    settings.webhooks_file.write_text("\n".join(parts), encoding="utf-8")


async def test_messages_that_are_asked_for_arrive_signed(settings: Settings, tmp_path: Path):
    async with receiver() as all_hot, receiver() as calls:
        write(
            settings,
            webhook("all_hot", all_hot, tiers=["hot"]),
            webhook("calls", calls, actions=["call"]),
        )
        receivers = (("all_hot", all_hot), ("calls", calls))
        async with deliverer(settings, tmp_path, *receivers) as running:
            url = await running.until_ready()
            mails = [trigger(n, action="mail") for n in range(20, 30)]
            cold = [trigger(n, tier="cold") for n in range(30, 40)]
            await send(settings, [*(trigger(n) for n in range(20)), *mails, *cold])
            await all_hot.until(lambda r: len(r.taken) >= 30)
            await calls.until(lambda r: len(r.taken) >= 30)
            said = await asyncio.to_thread(metrics_of, url)
    assert {m["number"] for _, m in all_hot.came} == set(range(30))
    assert {m["number"] for _, m in calls.came} == {*range(20), *range(30, 40)}
    assert all(webhook_id == m["trigger_id"] for webhook_id, m in calls.came)
    assert calls.headers[0]["ce-type"] == "leadstream.nurture_triggered"
    assert 'leadstream_webhook_attempts_total{endpoint="calls",outcome="delivered"} 30.0' in said


async def test_an_endpoint_that_hangs_or_fails_holds_up_no_other(
    settings: Settings, tmp_path: Path
):
    async def hang(message: dict[str, Any], seen: int) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with receiver(hang) as hanging, receiver() as well:
        failing = Receiver(url="http://127.0.0.1:9/hook")  # nobody listens there
        write(
            settings,
            webhook("hanging", hanging, timeout_s=1.0),
            webhook("failing", failing),
            webhook("well", well),
        )
        receivers = (("hanging", hanging), ("failing", failing), ("well", well))
        async with deliverer(settings, tmp_path, *receivers):
            await send(settings, (trigger(n) for n in range(1_000)))
            await well.until(lambda r: len(r.taken) == 1_000, 30)
            assert 1 <= len(hanging.came) <= 60
    assert max(well.taken.values()) == 1


async def test_a_refused_message_is_tried_again_and_others_pass_it(
    settings: Settings, tmp_path: Path
):
    def answer(message: dict[str, Any], seen: int) -> web.Response:
        statuses = {3: (500, 200), 4: (429, 200), 5: (422, 200)}.get(message["number"], (200,))
        headers = {"Retry-After": "2"} if statuses[0] == 429 else {}
        return web.Response(status=statuses[min(seen, len(statuses) - 1)], headers=headers)

    async with receiver(answer) as crm:
        write(settings, webhook("crm", crm))
        async with deliverer(settings, tmp_path, ("crm", crm)):
            await send(settings, (trigger(n) for n in range(50)))
            await crm.until(lambda r: len(r.taken) == 50, 40)
    assert len(crm.came) == 53
    assert max(crm.taken.values()) == 1


async def test_in_order_a_lead_waits_and_others_do_not(settings: Settings, tmp_path: Path):
    def answer(message: dict[str, Any], seen: int) -> web.Response:
        is_first = message["number"] == 0 and seen == 0
        return web.Response(status=422 if is_first else 200)

    async with receiver(answer) as crm:
        write(settings, webhook("crm", crm, order="lead"))
        async with deliverer(settings, tmp_path, ("crm", crm)):
            await send(settings, (trigger(n, f"lead-{n % 2}") for n in range(40)))
            await crm.until(lambda r: len(r.taken) == 40, 40)
    numbers = [m["number"] for _, m in crm.came]
    assert [n for n in numbers if n % 2 == 0] == [0, *range(0, 40, 2)]
    assert [n for n in numbers if n % 2 == 1] == list(range(1, 40, 2))
    assert numbers.index(39) < numbers.index(2)


async def test_one_that_is_gone_is_left_alone_until_it_is_enabled(
    settings: Settings, tmp_path: Path
):
    is_gone = True

    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=410 if is_gone else 200)

    async with receiver(answer) as crm:
        write(settings, webhook("crm", crm, in_flight=1))
        variables = {**environment(settings), "CRM_SECRET": crm.secret}
        async with deliverer(settings, tmp_path, ("crm", crm)) as running:
            await send(settings, (trigger(n) for n in range(10)))
            await crm.until(lambda r: len(r.came) == 1)
            url = await running.until_ready()
            await asyncio.sleep(1.5)  # it would be sent the others by now
            assert len(crm.came) == 1
            said = await asyncio.to_thread(metrics_of, url)
            assert 'leadstream_webhook_disabled{endpoint="crm"} 1.0' in said
            listed = await asyncio.to_thread(ran, variables, "webhooks", "list", "--json")
            assert listed.returncode == 0, listed.stderr
            (found,) = orjson.loads(listed.stdout)
            assert found["disabled_since"]
            assert (found["waiting"], found["last_failure"]) == (1, "answered 410")
        is_gone = False
        async with deliverer(settings, tmp_path, ("crm", crm)):
            assert len(crm.came) == 1
            done = await asyncio.to_thread(ran, variables, "webhooks", "enable", "crm")
            assert done.stdout == "crm: enabled\n", done.stderr
            await crm.until(lambda r: len(r.taken) == 10)
        again = await asyncio.to_thread(ran, variables, "webhooks", "enable", "crm")
        assert again.stdout == "crm: was not disabled\n"


async def test_killed_deliverers_lose_nothing_and_repeat_under_the_same_id(
    settings: Settings, tmp_path: Path
):
    refused = set(range(0, 400, 9))

    async def answer(message: dict[str, Any], seen: int) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response(status=422 if message["number"] in refused and not seen else 200)

    async with receiver(answer) as crm:
        write(settings, webhook("crm", crm))
        variables = {"CRM_SECRET": crm.secret}
        logs = [tmp_path / f"deliverer-{n}.log" for n in range(KILLS)]
        async with deliverer(settings, tmp_path, ("crm", crm)):
            pass  # its group begins here
        sending = asyncio.create_task(_send_slowly(settings, 400))
        for log in logs:
            running = DelivererHandle(settings, log, variables)
            before = len(crm.came)
            await crm.until(lambda r, before=before: len(r.came) >= before + 15, 60)
            await asyncio.to_thread(running.kill)
        await sending
        async with deliverer(settings, tmp_path, ("crm", crm)):
            await crm.until(lambda r: len(r.taken) == 400, 60)
    twice = {webhook_id for webhook_id, times in crm.taken.items() if times > 1}
    ids = {m["number"]: webhook_id for webhook_id, m in crm.came}
    print(f"400 messages through {KILLS} kills: 0 lost, {len(twice)} there twice")
    assert len(ids) == 400
    assert all(webhook_id == m["trigger_id"] == ids[m["number"]] for webhook_id, m in crm.came)


async def test_one_that_was_given_up_is_a_dead_letter_that_can_be_sent_again(
    settings: Settings, tmp_path: Path
):
    is_well = False

    def answer(message: dict[str, Any], seen: int) -> web.Response:
        return web.Response(status=200 if is_well else 500)

    async with receiver(answer) as crm:
        write(settings, webhook("crm", crm))
        variables = {**environment(settings), "CRM_SECRET": crm.secret}
        async with deliverer(settings, tmp_path, ("crm", crm)):
            await send_as_of(settings, trigger(7), time.time() - GIVE_UP_AFTER_S - 60)
            letters = ("dead-letters", "list", "--reason", "undelivered", "--json")
            deadline = time.monotonic() + 40
            found: dict[str, Any] = {"newest": []}
            while not found["newest"]:
                assert time.monotonic() < deadline
                listed = await asyncio.to_thread(ran, variables, *letters)
                assert listed.returncode == 0, listed.stderr
                found = orjson.loads(listed.stdout)
            (letter,) = found["newest"]
            assert letter["id"].endswith("/crm")
            assert "answered 500" in letter["message"]
            is_well = True
            done = await asyncio.to_thread(ran, variables, "dead-letters", "replay", letter["id"])
            assert done.stdout.startswith("1 sent"), done.stderr
            await crm.until(lambda r: len(r.taken) == 1)
    assert {webhook_id for webhook_id, _ in crm.came} == {trigger(7).headers[1][1].decode()}


async def test_two_deliverers_share_the_partitions(settings: Settings, tmp_path: Path):
    async with receiver() as crm:
        write(settings, webhook("crm", crm))
        async with (
            deliverer(settings, tmp_path, ("crm", crm)) as one,
            deliverer(settings, tmp_path, ("crm", crm)) as other,
        ):
            urls = [await one.until_ready(), await other.until_ready()]
            deadline = time.monotonic() + 60
            number, counts = 0, [0.0, 0.0]
            while not all(counts):
                assert time.monotonic() < deadline, counts
                await send(settings, (trigger(number + n) for n in range(50)))
                number += 50
                await crm.until(lambda r, number=number: len(r.taken) == number)
                counts = [_delivered(await asyncio.to_thread(metrics_of, u)) for u in urls]


def _delivered(said: str) -> float:
    line = 'leadstream_webhook_attempts_total{endpoint="crm",outcome="delivered"} '
    return next((float(x.removeprefix(line)) for x in said.splitlines() if x.startswith(line)), 0.0)


async def _send_slowly(settings: Settings, count: int) -> None:
    for first in range(0, count, 20):
        await send(settings, (trigger(n) for n in range(first, first + 20)))
        await asyncio.sleep(0.1)
