"""Faults of brokers: one is killed and comes back, and leaders move from broker to broker."""

import asyncio
import time
from random import Random

from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.clients import new_admin
from stream.settings import Settings

IN_SYNC_S = 180.0
DOWN_S = (1.0, 8.0)
MOVED_SHARE = 0.3

Leaders = dict[tuple[str, int], int]


class Cluster:
    """Brokers to be killed, one at a time, and what became of the partitions' leaders.

    Parameters
    ----------
    kafka
        Three running brokers.
    rng
        Says which broker, and for how long.
    """

    def __init__(self, kafka: JvmKafka, settings: Settings, rng: Random) -> None:
        self._kafka = kafka
        self._settings = settings
        self._rng = rng
        self._admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        self.kills = 0
        self.leader_moves = 0
        self.elections = 0

    async def kill_one(self) -> str:
        """Kill a broker, start it again, wait until it is in sync, and give its leaders back."""
        node_id = self._rng.randint(1, self._kafka.brokers)
        down_s = self._rng.uniform(*DOWN_S)
        before = await asyncio.to_thread(self._leaders)
        await asyncio.to_thread(self._kafka.kill_broker, node_id)
        self.kills += 1
        await asyncio.sleep(down_s)
        await asyncio.to_thread(self._kafka.start_broker, node_id)
        after = await asyncio.to_thread(self.wait_in_sync)
        moved = _moved(before, after)
        self.leader_moves += moved
        back = await asyncio.to_thread(self._elect)
        return f"broker {node_id} killed for {down_s:.1f} s: {moved} leaders moved, {back} back"

    async def move_leaders(self) -> str:
        """Make other replicas the leaders of some partitions, while all brokers run."""
        await asyncio.to_thread(self.wait_in_sync)
        metadata = await asyncio.to_thread(self._admin.list_topics)
        chosen = []
        for name, topic in sorted(metadata.topics.items()):
            partitions = [
                # The same replicas in another order: no data moves, the first of them leads.
                (number, [*found.replicas[1:], found.replicas[0]], {})
                for number, found in sorted(topic.partitions.items())
                if self._rng.random() < MOVED_SHARE
            ]
            if partitions:
                chosen.append((name, partitions, {}))
        admin = new_admin(self._settings)
        await admin.start()
        try:
            answer = await admin._send_request(
                AlterPartitionReassignmentsRequest(30_000, chosen, {})
            )
        finally:
            await admin.close()
        refused = [p for _, partitions, _ in answer.responses for p in partitions if p[1]]
        if answer.error_code or refused:
            raise RuntimeError(f"reassignment refused: {answer.error_code}, {refused[:3]}")
        return f"{await asyncio.to_thread(self._elect)} leaders moved by election"

    def wait_in_sync(self) -> Leaders:
        """Wait until every partition has all its replicas in sync; return the leaders."""
        deadline = time.monotonic() + IN_SYNC_S
        while time.monotonic() < deadline:
            try:
                metadata = self._admin.list_topics(timeout=5)
            except KafkaException:
                continue
            partitions = [
                (name, number, found)
                for name, topic in metadata.topics.items()
                for number, found in topic.partitions.items()
            ]
            if all(p.leader > 0 and len(p.isrs) == len(p.replicas) for _, _, p in partitions):
                return {(name, number): p.leader for name, number, p in partitions}
            time.sleep(0.1)
        raise TimeoutError(f"partitions are not in sync after {IN_SYNC_S:g} s")

    def _leaders(self) -> Leaders:
        metadata = self._admin.list_topics(timeout=30)
        return {
            (name, number): found.leader
            for name, topic in metadata.topics.items()
            for number, found in topic.partitions.items()
        }

    def _elect(self) -> int:
        """Make each partition's first replica its leader; return how many moved."""
        answer = self._admin.elect_leaders(ElectionType.PREFERRED, None).result()
        self.elections += 1
        # Those that need no election are not in the answer; brokers tell of the others later.
        moved = sum(error is None for error in answer.values())
        self.leader_moves += moved
        return moved


def _moved(before: Leaders, after: Leaders) -> int:
    return sum(after.get(where, leader) != leader for where, leader in before.items())
