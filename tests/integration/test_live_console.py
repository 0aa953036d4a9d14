"""The console of a worker that runs, on a real Kafka: what a sender pushes is soon on the page."""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from console_browser import WIDE, Complaints, chromium
from playwright.async_api import expect
from worker_process import own_settings, workers

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import new_producer
from stream.settings import Settings

TOKEN = "a-token-of-the-house"  # noqa: S105 - of this test alone
pytestmark = [
    pytest.mark.kafka,
    pytest.mark.transactions,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("browser"),
]


async def push(settings: Settings, topic: topics.Topic, *bodies: dict[str, Any]) -> float:
    """Send events of now; return when the last was acknowledged, by the performance counter."""
    producer = new_producer(settings)
    await producer.start()
    try:
        for body in bodies:
            said = {"event_id": uuid.uuid4().hex, "occurred_at": datetime.now(UTC).isoformat()}
            await producer.send_and_wait(settings.topic(topic.name), orjson.dumps(said | body))
        return time.perf_counter()
    finally:
        await producer.stop()


async def test_what_happens_is_seen_within_a_second(
    kafka: Broker, tmp_path: Path, record_property: Any
) -> None:
    settings = own_settings(kafka, clock="wall", console=True, web_token=TOKEN)
    await ensure_topics(settings)
    with workers(settings, tmp_path) as (worker,):
        url = await asyncio.to_thread(worker.wait_until_up)
        async with chromium() as browser:
            page = await browser.new_page(viewport=WIDE)
            await page.goto(f"{url}/console/")
            await page.get_by_label("Token").fill(TOKEN)
            await page.keyboard.press("Enter")
            await expect(page.locator("#health")).to_contain_text("live", timeout=60_000)
            complaints = Complaints().listen(page)  # not earlier: it was asked for the token
            name = "<script>window.ran = 1</script>"
            demo = {"type": "form_fill", "form_id": "f", "form_kind": "demo_request"}
            await push(settings, topics.FORM_FILLS, {**demo, "lead_id": "first"})  # warms up
            await page.get_by_role("link", name="first").wait_for()

            seen = asyncio.create_task(page.get_by_role("link", name=name).wait_for())
            sent_s = await push(settings, topics.FORM_FILLS, {**demo, "lead_id": name})
            await seen
            delay_s = time.perf_counter() - sent_s
            record_property("delay_s", delay_s)
            print(f"seen {1000 * delay_s:.0f} ms after the event")
            assert delay_s < 1.0

            await page.get_by_role("link", name=name).click()
            await expect(page.get_by_role("heading", level=1)).to_have_text(name)
            await expect(page.get_by_text("Why this score")).to_be_visible()
            assert await page.evaluate("window.ran") is None

            await page.get_by_role("link", name="Triggers").click()
            await expect(page.get_by_role("cell", name="high_intent").first).to_be_visible()

            await push(settings, topics.FORM_FILLS, {"type": "no such type", "lead_id": "L"})
            await page.get_by_role("link", name="Dead letters").click()
            await expect(page.get_by_role("cell", name="unknown_type")).to_be_visible()

            for view in ("Models", "Journey", "Attribution", "Forecast"):
                await page.get_by_role("link", name=view, exact=True).click()
                await expect(page.get_by_role("heading", level=1)).to_have_text(view)

            await page.get_by_role("link", name="Leads", exact=True).click()
            await push(settings, topics.CRM_UPDATES, {"type": "erasure", "lead_id": name})
            await expect(page.get_by_role("link", name=name)).to_have_count(0)
            assert complaints == []
