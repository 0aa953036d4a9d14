"""What waits for a page that reads slowly."""

import asyncio

import pytest

from stream.console.audience import MAX_WATCHERS, Audience, Watcher


def lead(lead_id: str, score: float) -> tuple[str, dict[str, object]]:
    return "lead", {"lead_id": lead_id, "score": score}


async def test_of_a_lead_only_the_newest_change_waits() -> None:
    watcher = Watcher()
    watcher.note(lead("L1", 1.0))
    watcher.note(lead("L2", 2.0))
    watcher.note(lead("L1", 3.0))
    found = await watcher.changes(1.0)
    assert [(row["lead_id"], row["score"]) for row in found] == [("L2", 2.0), ("L1", 3.0)]
    assert await watcher.changes(0.0) == []


async def test_a_slow_page_loses_the_oldest_and_never_memory() -> None:
    watcher = Watcher(max_waiting=10)
    for n in range(1_000):
        watcher.note(lead(f"L{n}", 1.0))
    assert [row["lead_id"] for row in await watcher.changes(1.0)] == [
        f"L{n}" for n in range(990, 1_000)
    ]
    assert watcher.lost == 990


async def test_a_change_wakes_who_waits() -> None:
    audience = Audience()
    watcher = audience.join()
    assert watcher is not None
    waiting = asyncio.create_task(watcher.changes(10.0))
    await asyncio.sleep(0)
    audience.tell(("trigger", {"trigger_id": "t", "lead_id": "L1"}))
    assert await waiting == [{"kind": "trigger", "trigger_id": "t", "lead_id": "L1"}]


@pytest.mark.parametrize("more", [1, 5])
def test_so_many_pages_and_no_more(more: int) -> None:
    audience = Audience()
    watchers = [audience.join() for _ in range(MAX_WATCHERS + more)]
    assert watchers[MAX_WATCHERS:] == [None] * more
    assert watchers[0] is not None
    audience.leave(watchers[0])
    assert audience.join() is not None
