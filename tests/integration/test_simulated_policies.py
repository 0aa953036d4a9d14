"""A policy trained in simulation goes live: trained, published, pinned, named in triggers.

It stays while the learner clears away old versions, and comes back as often as it is pinned.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from simulated_actions import ACTIONS
from test_policies import World, decisions
from worker_process import environment, leadstream, own_settings, ran, workers

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.clients import read_all
from stream.lead.versions import kind_of
from stream.models import NEXT_ACTION, SIMULATED
from stream.settings import Settings
from stream.simulator.world import WorldParameters

DEADLINE_S = 60.0
LEADS = 40
VERSIONS_KEPT = 3


def listed(settings: Settings) -> list[dict[str, Any]]:
    rows = orjson.loads(leadstream(settings, "models", "--json"))
    return [row for row in rows if row["model"] == NEXT_ACTION]


async def decided_by(settings: Settings, world: World, prefix: str, policy: str) -> dict[str, Any]:
    """Let leads ask until a policy decides; return the first of its decisions."""
    deadline, asked = time.monotonic() + DEADLINE_S, 0
    while True:
        assert time.monotonic() < deadline, f"{policy} never decided"
        await world.ask([f"{prefix}{asked}"])
        [trigger] = await decisions(settings, [f"{prefix}{asked}"])
        if trigger["policy"] == policy:
            return trigger
        asked += 1


async def cleared_away(settings: Settings) -> int:
    """Return how many versions of the policy the learner has deleted."""
    topic = settings.topic(topics.MODEL_SNAPSHOTS.name)
    records = await read_all(settings, topic, 0)
    prefix = f"{NEXT_ACTION}/lin_ucb-".encode()
    return sum(record.value is None and record.key.startswith(prefix) for record in records)


async def answered_until_cleared(settings: Settings, world: World) -> None:
    """Let decisions have outcomes until the learner has deleted some of its versions."""
    deadline, number = time.monotonic() + DEADLINE_S, 0
    while await cleared_away(settings) < 2:
        assert time.monotonic() < deadline, "the learner never cleared away a version"
        leads = [f"C{number}-{n}" for n in range(10)]
        await world.ask(leads)
        await world.answer(await decisions(settings, leads))
        await asyncio.sleep(settings.snapshot_interval_s)
        number += 1


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(500)
async def test_a_policy_of_the_simulation_serves_while_it_is_pinned(
    kafka: Broker, tmp_path: Path
) -> None:
    actions, file = tmp_path / "actions.toml", tmp_path / "policy.json"
    actions.write_text(ACTIONS)
    settings = own_settings(
        kafka,
        actions_file=str(actions),
        policy_challengers="lin_ucb",
        partitions=2,
        checkpoint_interval_s=0.3,
        model_versions_kept=VERSIONS_KEPT,
        promotion="never",
    )
    await ensure_topics(settings)
    world_file = tmp_path / "world.json"
    world_file.write_bytes(orjson.dumps({"parameters": WorldParameters(activity=1.2).to_json()}))
    arguments = (
        "policy",
        "train",
        "--leads",
        "200",
        "--out",
        str(file),
        "--world",
        str(world_file),
    )
    told = await asyncio.to_thread(leadstream, settings, *arguments, timeout_s=300)
    assert f"written: {file}" in told
    assert orjson.loads(file.read_bytes())["world"]["activity"] == 1.2

    def run(*words: str) -> str:
        return leadstream(settings, *words)

    with workers(settings, tmp_path, 1):
        async with World(settings) as world:
            first = [f"A{n}" for n in range(LEADS)]
            await world.ask(first)
            before = await decisions(settings, first)
            assert {trigger["policy"] for trigger in before} == {"rules"}

            said = await asyncio.to_thread(run, "policy", "publish", str(file))
            version = said.split("version ")[1].split(";")[0]
            assert kind_of(version) == SIMULATED
            rows = await asyncio.to_thread(listed, settings)
            [row] = [row for row in rows if row["version"] == version]
            assert not row["pinned"]
            await world.ask(["B0"])
            [trigger] = await decisions(settings, ["B0"])
            assert trigger["policy"] == "rules"

            refused = await asyncio.to_thread(
                ran, environment(settings), "models", "promote", NEXT_ACTION, SIMULATED
            )
            assert (refused.returncode, "models rollback" in refused.stderr) == (2, True)
            await asyncio.to_thread(run, "models", "rollback", NEXT_ACTION, version)
            trigger = await decided_by(settings, world, "P", SIMULATED)
            assert trigger["policy_version"] == version
            assert len(trigger["candidates"]) > 1

            # Nothing has been learned yet: what is released to are the rules.
            await asyncio.to_thread(run, "models", "release", NEXT_ACTION)
            await decided_by(settings, world, "R", "rules")

            said = await asyncio.to_thread(run, "policy", "publish", str(file), "--pin")
            assert version in said
            await decided_by(settings, world, "Q", SIMULATED)
            await answered_until_cleared(settings, world)
            rows = await asyncio.to_thread(listed, settings)
            [row] = [row for row in rows if row["version"] == version]
            assert (row["pinned"], row["serving"]) == (True, True)
            await world.ask(["D0"])
            [trigger] = await decisions(settings, ["D0"])
            assert trigger["policy_version"] == version
