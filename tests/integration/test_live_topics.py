"""Topics of texts on a running Kafka: found, told as a reason, the same after a kill, forgotten."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import check, records_of
from worker_process import WorkerHandle, feed, leadstream, own_settings

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.settings import Settings
from stream.simulator.simulation import SimulatedEvent

DEADLINE_S = 60.0
THEMES = {
    "price": "Please send a quote: the price of a yearly licence for {} seats.",
    "sync": "Does the connector sync webhooks to our sandbox endpoint? We use {} of them.",
    "audit": "Where is the certificate of your security audit? Our compliance needs {} copies.",
}
LEADS = {f"lead-{number}": list(THEMES)[number % 3] for number in range(45)}
NUMBERS = count()
OWN = "zanzibar"
"""A word that one lead alone writes."""


def happens(topic: topics.Topic, kind: str, lead: str, **fields: Any) -> SimulatedEvent:
    """Return an event of a lead that happens now."""
    now = datetime.now(UTC)
    body = {
        "type": kind,
        "event_id": f"event-{next(NUMBERS)}",
        "occurred_at": now.isoformat(),
        "lead_id": lead,
        **fields,
    }
    return SimulatedEvent(topic.name, lead.encode(), orjson.dumps(body), now.timestamp(), None)


def writes(lead: str, text: str) -> SimulatedEvent:
    form = {"form_id": "contact", "form_kind": "contact", "text": text}
    return happens(topics.FORM_FILLS, "form_fill", lead, **form)


def all_write() -> Iterator[SimulatedEvent]:
    for number, (lead, theme) in enumerate(LEADS.items()):
        own = f" {OWN}" if lead == "lead-0" else ""
        yield writes(lead, THEMES[theme].format(number + 2) + own)


async def bodies(settings: Settings, topic: topics.Topic, kind: str) -> list[dict[str, Any]]:
    records = await records_of(settings, topic)
    found = [orjson.loads(record.value) for record in records if record.value]
    return [body for body in found if body.get("type") == kind]


async def until(look: Callable[[], Any], is_there: Callable[[Any], bool], what: str) -> Any:
    """Look until what is waited for is there; return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_there(found := await look()):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.3)
    return found


async def served(settings: Settings) -> dict[str, Any]:
    """Return the newest version of the topics that was published; empty before the first."""
    found = await bodies(settings, topics.MODEL_SNAPSHOTS, "model_snapshot")
    of_topics = [body["state"] for body in found if body["model"] == "topics"]
    return of_topics[-1] if of_topics else {"topics": []}


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_topics_are_found_told_and_forgotten_and_outlast_a_kill(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(
        kafka, clock="wall", partitions=2, checkpoint_interval_s=0.5, session_timeout_s=6.0,
        read_texts=True, prior_strength=1.0, score_step=0.0, tick_interval_s=10.0,
    )  # fmt: skip
    await ensure_topics(settings)
    worker = WorkerHandle(settings, tmp_path / "worker-0.log")
    try:
        await asyncio.to_thread(worker.wait_until_up)
        await feed(settings, all_write())
        first = await until(
            lambda: served(settings), lambda s: len(s["topics"]) == 3, "no three topics came"
        )
        worker.process.kill()
        worker.process.wait()
        worker = WorkerHandle(settings, tmp_path / "worker-1.log")
        await asyncio.to_thread(worker.wait_until_up)

        # What was written about before tells who is won: the model learns that.
        topic_of = await until_assigned(settings)
        assert sorted(topic_of.values()) == sorted(of["topic"] for of in first["topics"])
        await feed(
            settings,
            (
                happens(
                    topics.CRM_UPDATES, "outcome", lead, result="won" if t == "price" else "lost"
                )
                for lead, t in LEADS.items()
            ),
        )
        names = {of["topic"]: of["name"] for of in first["topics"]}
        wanted = f"count:topic:{topic_of['price']}"
        reasons = await until_a_reason(settings, wanted)
        assert reasons[wanted] == f"wrote about: {names[topic_of['price']]}"

        explained = orjson.loads(leadstream(settings, "explain", "later-0", "--json"))
        (text,) = explained["texts"]
        assert (text["language"], text["intents"]) == ("en", ["price"])
        assert text["topic"]["id"] == topic_of["price"]
        shown = leadstream(settings, "explain", "later-0")
        assert "Texts, newest last" in shown
        report = orjson.loads(leadstream(settings, "report", "topics", "--json"))
        by_id = {of["topic"]: of for of in report["topics"]}
        assert by_id[topic_of["price"]]["ratio"] == 1.0
        assert by_id[topic_of["sync"]]["ratio"] == 0.0
        assert "What leads write about" in leadstream(settings, "report", "topics")

        assert OWN in str(await checkpoint(settings))
        await feed(settings, [happens(topics.CRM_UPDATES, "erasure", "lead-0")])
        await until(
            lambda: checkpoint(settings), lambda kept: OWN not in str(kept), "a word stayed"
        )
        found = await bodies(settings, topics.MODEL_SNAPSHOTS, "model_snapshot")
        assert OWN not in str([body for body in found if body["model"] == "topics"])
    finally:
        await asyncio.to_thread(worker.stop)
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []


async def checkpoint(settings: Settings) -> Any:
    found = await bodies(settings, topics.MODEL_CHECKPOINTS, "model_checkpoint")
    return [body["state"] for body in found if body["kind"] == "topics"][-1]


async def until_assigned(settings: Settings) -> dict[str, str]:
    """Let all write again until each theme's texts come to a topic; return it by theme."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        await feed(settings, all_write())
        seen = await bodies(settings, topics.TRAINING_EXAMPLES, "text_seen")
        newest = seen[-len(LEADS) :]
        found = {
            theme: {body["topic"] for body in newest if mark in body["words"]}
            for theme, mark in (("price", "quote"), ("sync", "sandbox"), ("audit", "audit"))
        }
        if all(len(ids) == 1 and None not in ids for ids in found.values()):
            return {theme: ids.pop() for theme, ids in found.items()}
        assert time.monotonic() < deadline, found


async def until_a_reason(settings: Settings, feature: str) -> dict[str, str]:
    """Let new leads write until a score names a topic; return its reasons."""
    deadline, number = time.monotonic() + DEADLINE_S, 0
    while True:
        lead = f"later-{number}"
        await feed(settings, [writes(lead, THEMES["price"].format(9))])
        scores = await bodies(settings, topics.LEAD_SCORES, "score_changed")
        for body in scores:
            said = {reason["feature"]: reason["text"] for reason in body["reasons"]}
            if body["lead_id"].startswith("later-") and feature in said:
                return said
        assert time.monotonic() < deadline, "no score names a topic"
        number += 1
