"""End to end: a decision, its delivery, its outcome, the policy that learns, what it does then."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import check
from timed_events import TimedEvents
from worker_process import WorkerHandle, leadstream, own_settings

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.kafka.feeder import Feeder
from stream.lead.enrolment import TASK as UPLIFT
from stream.lead.transitions import TASK
from stream.settings import Settings

ACTIONS = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent"]

[[action]]
name = "webinar"
channel = "web"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
framings = ["plain", "social_proof"]
"""
BEST = ("webinar", "social_proof")
"""What wins leads in this world; nobody has told the policies."""
LEADS, LATER_LEADS = 400, 200
START_S = 1_772_000_000.0
DEADLINE_S = 60.0


class World:
    """Leads that ask for demos, and say yes where they are asked in the way that they like."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._feeder = Feeder(settings, max_lag=400)
        self._events = TimedEvents(self._feeder, START_S)

    async def __aenter__(self) -> "World":
        await self._feeder.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._feeder.stop()

    async def ask(self, leads: list[str]) -> None:
        for lead in leads:
            await self._events.send(
                topics.FORM_FILLS, "form_fill", lead, form_id="demo", form_kind="demo_request"
            )
        await self._feeder.drain(DEADLINE_S)

    async def answer(self, triggers: list[dict[str, Any]]) -> None:
        """Tell what was carried out, and how each lead that it reached has decided."""
        for number, trigger in enumerate(triggers):
            lead, is_done = trigger["lead_id"], number % 10 != 0
            status = "delivered" if is_done else "failed"
            await self._events.send(
                topics.NURTURE_FEEDBACK, "action_result", lead, status=status,
                trigger_id=trigger["trigger_id"],
            )  # fmt: skip
            won = is_done and (trigger["action"], trigger["framing"]) == BEST
            result = "won" if won else "lost"
            await self._events.send(topics.CRM_UPDATES, "outcome", lead, result=result)
        await self._feeder.drain(DEADLINE_S)


async def decisions(settings: Settings, leads: list[str]) -> list[dict[str, Any]]:
    """Return the leads' decisions, once each has one."""
    wanted, deadline = set(leads), time.monotonic() + DEADLINE_S
    while True:
        found: dict[str, dict[str, Any]] = {}
        for number in range(settings.partitions):
            topic = settings.topic(topics.NURTURE_TRIGGERS.name)
            for record in await read_all(settings, topic, number):
                body = orjson.loads(record.value)
                if body["rule"] == "high_intent" and body["lead_id"] in wanted:
                    found[body["lead_id"]] = body
        if len(found) == len(wanted):
            return list(found.values())
        assert time.monotonic() < deadline, f"{len(found)} of {len(wanted)} decisions"
        await asyncio.sleep(0.1)


async def learned(settings: Settings, transitions: int) -> None:
    """Wait until a version has been published that knows so many decisions."""
    deadline = time.monotonic() + DEADLINE_S
    topic, most = settings.topic(topics.MODEL_SNAPSHOTS.name), 0
    while most < transitions:
        assert time.monotonic() < deadline, f"{most} of {transitions} decisions were learned"
        await asyncio.sleep(0.1)
        bodies = [
            orjson.loads(r.value) for r in await read_all(settings, topic, 0)
            if r.value is not None and r.key.startswith(f"{TASK}/gaussian_thompson-".encode())
        ]  # fmt: skip
        most = max((body["examples"] for body in bodies), default=0)


async def uplift_versions(settings: Settings) -> set[str]:
    """Return the versions of uplift that a partition's log has taken into use."""
    found = set()
    for number in range(settings.partitions):
        for record in await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number):
            body = orjson.loads(record.value)
            if body["type"] == "use_model" and body["model"] == UPLIFT:
                found.add(body["version"])
    return found


def share_of_best(triggers: list[dict[str, Any]]) -> float:
    return sum((t["action"], t["framing"]) == BEST for t in triggers) / len(triggers)


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(300)
async def test_what_decisions_bring_changes_what_is_decided_through_a_kill(
    kafka: Broker, tmp_path: Path
) -> None:
    actions = tmp_path / "actions.toml"
    actions.write_text(ACTIONS)
    settings = own_settings(
        kafka,
        actions_file=str(actions),
        policy_challengers="gaussian_thompson",
        exploration_ratio=0.6,
        holdout_share=0.1,
        partitions=2,
        checkpoint_interval_s=0.3,
        session_timeout_s=6.0,
        promotion="never",
    )
    await ensure_topics(settings)
    worker = WorkerHandle(settings, tmp_path / "worker-0.log")
    first = [f"L{n}" for n in range(LEADS)]
    later = [f"M{n}" for n in range(LATER_LEADS)]
    try:
        await asyncio.to_thread(worker.wait_until_up)
        async with World(settings) as world:
            await world.ask(first)
            before = await decisions(settings, first)
            answering = asyncio.create_task(world.answer(before))
            await asyncio.sleep(0.0)
            await learned(settings, 1)
            worker.process.kill()
            worker.process.wait()
            worker = WorkerHandle(settings, tmp_path / "worker-1.log")
            await answering
            acted = [t for t in before if not t["is_holdout"]]
            done = sum(number % 10 != 0 for number, t in enumerate(before) if not t["is_holdout"])
            await learned(settings, done)

            said = leadstream(settings, "models", "promote", TASK, "gaussian_thompson")
            assert f"{TASK} comes from gaussian_thompson now" in said
            deadline, asked, after = time.monotonic() + DEADLINE_S, 0, []
            while not after or after[-1]["policy"] != "gaussian_thompson":
                assert time.monotonic() < deadline, "the promoted policy never decided"
                await world.ask([f"N{asked}"])
                after = await decisions(settings, [f"N{asked}"])
                asked += 1
            await world.ask(later)
            after = await decisions(settings, later)
    finally:
        await asyncio.to_thread(worker.stop)

    held = [t for t in before if t["is_holdout"]]
    assert 0.03 * LEADS < len(held) < 0.2 * LEADS
    assert {(t["action"], t["action_probability"]) for t in held} == {("nothing", 1.0)}
    assert Counter(t["policy"] for t in acted) == {"rules": len(acted)}
    chosen = [t for t in after if not t["is_holdout"]]
    assert {t["policy"] for t in chosen} == {"gaussian_thompson"}
    print(f"the best action: {share_of_best(acted):.2f} before, {share_of_best(chosen):.2f} after")
    assert share_of_best(acted) < 0.35
    # Six of ten choices stay uniform over three candidates, by the setting.
    assert share_of_best(chosen) > 0.5
    assert await uplift_versions(settings), "the control group has taught nothing"
    verdict = await check(settings)
    assert verdict.faults(settings.delivery) == []
