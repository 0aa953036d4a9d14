"""A lead complains in a form: what it wrote is read, counted, and somebody is to call."""

import asyncio
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import check, records_of
from timed_events import TimedEvents
from worker_process import leadstream, own_settings, workers

from schemas import topics
from schemas.triggers import NurtureTriggered
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.feeder import Feeder
from stream.kafka.snapshots import read_snapshots
from stream.models import P_CONVERT, SnapshotStore
from stream.stored_states import find_lead

COMPLAINT = "Third time I complain, this is awful. Call me back immediately!"
QUESTION = "How much is it per user? Thank you, we love the product."
START_S, DEADLINE_S = 1_772_000_000.0, 60.0
TAUGHT = 40
"""Leads of each kind that decide before the one that is looked at."""


class Leads:
    """Leads that write: who complains is lost, who asks for a price is won."""

    def __init__(self, feeder: Feeder) -> None:
        self._events = TimedEvents(feeder, START_S)

    async def write(self, lead: str, text: str) -> None:
        fields = {"form_id": "contact", "form_kind": "contact", "text": text}
        await self._events.send(topics.FORM_FILLS, "form_fill", lead, **fields)

    async def decide(self, lead: str, result: str) -> None:
        await self._events.send(topics.CRM_UPDATES, "outcome", lead, result=result)

    async def introduce(self, lead: str) -> None:
        await self._events.send(
            topics.CRM_UPDATES, "lead_profile", lead, attributes={"country": "US"}
        )


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(240)
async def test_who_complains_urgently_is_to_be_called_and_the_text_is_a_reason(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, read_texts=True, partitions=1, prior_strength=1.0)
    await ensure_topics(settings)
    feeder = Feeder(settings, max_lag=400)
    await feeder.start()
    leads = Leads(feeder)
    try:
        with workers(settings, tmp_path) as (worker,):
            kinds = (("lost", COMPLAINT, "lost"), ("won", QUESTION, "won"))
            for number, (kind, text, _) in product(range(TAUGHT), kinds):
                await leads.write(f"{kind}-{number}", text)
            await feeder.drain(DEADLINE_S)  # topics are not read in step
            for number, (kind, _, result) in product(range(TAUGHT), kinds):
                await leads.decide(f"{kind}-{number}", result)
            await feeder.drain(DEADLINE_S)
            await leads.introduce("L")
            await feeder.drain(DEADLINE_S)
            await until_a_model_scores(settings, leads, feeder)
            await leads.write("L", COMPLAINT)
            await feeder.drain(DEADLINE_S)
            explained = orjson.loads(
                await asyncio.to_thread(leadstream, settings, "explain", "L", "--json")
            )
            assert worker.process.poll() is None, worker.log.read_text()
    finally:
        await feeder.stop()
    triggers = [
        NurtureTriggered.model_validate_json(record.value)
        for record in await records_of(settings, topics.NURTURE_TRIGGERS)
    ]
    (call,) = [t for t in triggers if t.lead_id == "L" and t.rule == "urgent_negative"]
    assert (call.action, call.channel) == ("call", "phone")
    assert "urgent_negative" in {one["rule"] for one in explained["open_decisions"]}
    assert explained["journey"][-1]["what"] == "form_fill:contact"
    features = {reason["feature"]: reason["text"] for reason in explained["reasons"]}
    read = {name: text for name, text in features.items() if name.startswith("count:text:")}
    assert read, features
    assert not any("text:" in text for text in read.values())
    state, _ = await find_lead(settings, "L")
    assert set(state.counts.counts) >= {"text:complaint", "text:urgency", "text:negative"}
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []


async def until_a_model_scores(settings: Any, leads: Leads, feeder: Feeder) -> None:
    """Wait until a version that has learned of leads of both kinds scores one that writes."""
    deadline, number = time.monotonic() + DEADLINE_S, 0
    while True:
        lead = f"waits-{number}"
        await leads.write(lead, QUESTION)
        await feeder.drain(DEADLINE_S)
        state, _ = await find_lead(settings, lead)
        store = SnapshotStore()
        await read_snapshots(settings, store)
        if state.model_version in store.versions(P_CONVERT):
            document = store.document(P_CONVERT, state.model_version)
            if document["examples"] >= 2 * TAUGHT:
                return
        assert time.monotonic() < deadline, "no model that has learned was ever in use"
        number += 1
        await asyncio.sleep(0.5)


@pytest.mark.timeout(120)
def test_a_worker_that_cannot_read_says_what_to_install(tmp_path: Path) -> None:
    name = "py3langid"
    (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})\n")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path), "LEADSTREAM_READ_TEXTS": "true"}
    command = [sys.executable, "-m", "stream", "worker"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"leadstream: LEADSTREAM_READ_TEXTS needs {name}: pip install")
    assert "'leadstream[language]'" in line
