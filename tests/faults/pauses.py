"""How long partitions stood still, read from the times of what was committed."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from aiokafka import TopicPartition

from faults.steps import Rebalance
from schemas import topics
from stream.kafka.clients import new_reader, read_all
from stream.settings import Settings

Times = Mapping[int, list[float]]


async def ends_of_states(settings: Settings) -> dict[int, int]:
    """Return partition -> the end of its changelog."""
    name = settings.topic(topics.LEAD_STATES.name)
    reader = new_reader(settings)
    await reader.start()
    try:
        ends = await reader.end_offsets(
            [TopicPartition(name, number) for number in range(settings.partitions)]
        )
        return {where.partition: offset for where, offset in ends.items()}
    finally:
        await reader.stop()


async def commit_times(settings: Settings, from_offsets: Mapping[int, int]) -> Times:
    """Return partition -> when states were written that were committed, epoch seconds."""
    name = settings.topic(topics.LEAD_STATES.name)
    times = {}
    for number in range(settings.partitions):
        records = await read_all(settings, name, number, from_offsets.get(number, 0))
        times[number] = [r.timestamp / 1000.0 for r in records]
    return times


def longest_gap_s(times: Iterable[float], from_s: float, to_s: float) -> float:
    """Return the longest time without a commit that begins or ends between two times.

    >>> longest_gap_s([1.0, 2.0, 5.0, 9.0], 3.0, 6.0)
    4.0
    """
    return max((b - a for a, b in pairwise(times) if b >= from_s and a <= to_s), default=0.0)


def measure_pauses(
    rebalances: Iterable[Rebalance], times: Times, disturbed: Iterable[tuple[float, float]]
) -> dict[str, Any]:
    """Return the pause of partitions that moved, and the stall of those that did not.

    Rebalances that a broker's fault fell into are left out: what stood still stood for both.
    """
    pauses, stalls, measured = [], [], 0
    for rebalance in rebalances:
        if not rebalance.settled or any(
            from_s < rebalance.to_s and rebalance.from_s < to_s for from_s, to_s in disturbed
        ):
            continue
        measured += 1
        until_s = rebalance.to_s
        pauses += [longest_gap_s(times[n], rebalance.from_s, until_s) for n in rebalance.moved]
        stalls += [longest_gap_s(times[n], rebalance.from_s, until_s) for n in rebalance.others]
    return {
        "rebalances_measured": measured,
        "partitions_moved": len(pauses),
        "rebalance_pause_s": {
            "median": round(median(pauses), 3) if pauses else None,
            "max": round(max(pauses), 3) if pauses else None,
        },
        "stall_other_partitions_s": round(max(stalls), 3) if stalls else None,
    }
