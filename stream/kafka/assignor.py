"""Who gets which partition: each topic spread evenly, and what need not move stays."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

VERSION = 0


class StickyByTopic(AbstractPartitionAssignor):  # type: ignore[misc]
    """Balances every topic by itself, keeping partitions where they are.

    Balancing all topics together, as Kafka's sticky strategy does, can give one worker all
    of ``lead-events`` and another all of the cheap topics. Members tell the leader what they hold.
    """

    name = "leadstream-sticky-by-topic"

    def __init__(self) -> None:
        self._held: list[tuple[str, int]] = []

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Return what this member asks for, and what it holds."""
        return ConsumerProtocolMemberMetadata(VERSION, sorted(topics), orjson.dumps(self._held))

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Remember what this member holds now."""
        self._held = [(tp.topic, tp.partition) for tp in assignment.partitions()]

    def assign(
        self, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Return each member's partitions; asked of one member, the leader."""
        asking: dict[str, list[str]] = defaultdict(list)
        held: dict[str, dict[int, str]] = defaultdict(dict)
        for member, metadata in sorted(members.items()):
            for topic in metadata.subscription:
                asking[topic].append(member)
            for topic, partition in orjson.loads(metadata.user_data or b"[]"):
                held[topic].setdefault(partition, member)
        given: dict[str, dict[str, list[int]]] = {member: {} for member in members}
        load = dict.fromkeys(sorted(members), 0)
        for topic, candidates in sorted(asking.items()):
            partitions = sorted(cluster.partitions_for_topic(topic) or ())
            spread = spread_one(partitions, candidates, held[topic], load)
            for member, numbers in spread.items():
                if numbers:
                    given[member][topic] = numbers
                    load[member] += len(numbers)
        return {
            member: ConsumerProtocolMemberAssignment(VERSION, sorted(topics.items()), b"")
            for member, topics in given.items()
        }


def spread_one(
    partitions: list[int],
    candidates: list[str],
    held: Mapping[int, str],
    load: Mapping[str, int],
) -> dict[str, list[int]]:
    """Spread one topic: shares differ by one at most, and as few partitions move as can be.

    Parameters
    ----------
    held
        Partition -> who holds it now.
    load
        What each member has of other topics; who has least gets the larger share.

    Examples
    --------
    >>> spread_one([0, 1, 2], ["a", "b"], {0: "a", 1: "a", 2: "a"}, {"a": 0, "b": 0})
    {'a': [0, 1], 'b': [2]}
    """
    least, extra = divmod(len(partitions), len(candidates))
    keeping: dict[str, list[int]] = {member: [] for member in candidates}
    for partition in partitions:
        if held.get(partition) in keeping:
            keeping[held[partition]].append(partition)
    # Larger shares go to who holds the most already, so that nothing moves without need.
    order = sorted(candidates, key=lambda m: (-len(keeping[m]), load[m], m))
    share = {m: least + (rank < extra) for rank, m in enumerate(order)}
    spread = {m: keeping[m][: share[m]] for m in candidates}
    kept = {p for numbers in spread.values() for p in numbers}
    free = [p for p in partitions if p not in kept]
    for member in sorted(candidates, key=lambda m: (load[m], m)):
        wanted = share[member] - len(spread[member])
        spread[member] += free[:wanted]
        del free[:wanted]
    return {member: sorted(numbers) for member, numbers in spread.items()}
