"""What one endpoint is still to be sent of one partition: what is next, and how far Kafka is done.

Pure: no clock, no Kafka. Two kinds of messages are in a line. *Fresh* ones were read and hold back
the offset that is committed; *kept* ones are stored in ``webhook-deliveries`` and do not.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stream.webhooks.deliveries import Delivery

MAX_FRESH = 200
MAX_KEPT = 1_000
MAX_BYTES = 8 << 20
"""Of all bodies of a line."""


@dataclass(slots=True)
class _Entry:
    delivery: Delivery
    is_kept: bool
    is_busy: bool = False


class _Offsets:
    """How far a topic's partition is done."""

    def __init__(self, position: int) -> None:
        self._position = position
        self._open: set[int] = set()

    def read(self, offset: int) -> None:
        self._position = max(self._position, offset + 1)
        self._open.add(offset)

    def settle(self, offset: int) -> None:
        self._open.discard(offset)

    @property
    def committable(self) -> int:
        return min(self._open, default=self._position)


class WaitingLine:
    """The messages of one partition for one endpoint.

    Parameters
    ----------
    positions
        Topic -> the offset that its partition is read from.
    keeps_order
        Whether the messages of a lead wait for one another.
    """

    def __init__(self, positions: Mapping[str, int], *, keeps_order: bool) -> None:
        self._offsets = {topic: _Offsets(position) for topic, position in positions.items()}
        self._keeps_order = keeps_order
        self._entries: dict[str, _Entry] = {}
        self._lanes: dict[tuple[str, str], deque[str]] = {}
        self._due: list[tuple[float, int, str]] = []
        self._bytes = 0
        self._kept = 0
        self._is_restored = False

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return (
            self._is_restored
            and len(self._entries) - self._kept < MAX_FRESH
            and self.has_room_to_keep
        )

    @property
    def has_room_to_keep(self) -> bool:
        """Whether one more may be stored to be tried again."""
        return self._kept < MAX_KEPT and self._bytes < MAX_BYTES

    @property
    def size(self) -> int:
        """How many messages are in it."""
        return len(self._entries)

    def restore(self, delivery: Delivery) -> None:
        """Take in what is stored in ``webhook-deliveries``; the newest of an id counts."""
        entry = self._entries.get(delivery.webhook_id)
        if entry is None:
            self._add(delivery, is_kept=True)
        elif not entry.is_busy:
            if not entry.is_kept:
                self._settle(entry)
            self._replace(entry, delivery, is_kept=True)
            self._make_due(entry)

    def forget(self, webhook_id: str) -> None:
        """Drop what is stored no longer."""
        entry = self._entries.get(webhook_id)
        if entry is not None and entry.is_kept and not entry.is_busy:
            self.remove(webhook_id)

    def restored(self) -> None:
        """Say that all that was stored has been taken in: from now on messages are due."""
        self._is_restored = True
        for lane, ids in self._lanes.items():
            in_order = sorted(ids, key=lambda i: self._entries[i].delivery.source.offset)
            self._lanes[lane] = deque(in_order)
        self._due = []
        for entry in self._entries.values():
            self._make_due(entry)

    def pass_over(self, topic: str, offset: int) -> None:
        """Note a record that the endpoint is not sent."""
        self._offsets[topic].read(offset)
        self._offsets[topic].settle(offset)

    def read(self, delivery: Delivery) -> None:
        """Take in a record that the endpoint is sent; one that is here already counts once."""
        source = delivery.source
        if delivery.webhook_id in self._entries:
            self.pass_over(source.topic, source.offset)
            return
        self._offsets[source.topic].read(source.offset)
        self._add(delivery, is_kept=False)

    def next_due_s(self) -> float | None:
        """Return when the next message can be sent, epoch seconds; None where all wait."""
        while self._due:
            due_s, _, webhook_id = self._due[0]
            entry = self._entries.get(webhook_id)
            if entry is not None and not entry.is_busy and entry.delivery.due_s == due_s:
                return due_s
            heapq.heappop(self._due)
        return None

    def take(self) -> tuple[Delivery, bool]:
        """Begin with the message that is due next; also say whether it is stored.

        Until it is put back or removed it is not due.
        """
        if self.next_due_s() is None:
            raise LookupError("nothing is due")
        _, _, webhook_id = heapq.heappop(self._due)
        entry = self._entries[webhook_id]
        entry.is_busy = True
        return entry.delivery, entry.is_kept

    def overdue(self, before_s: float) -> Iterator[tuple[Delivery, bool]]:
        """Begin with all that were received before a time; as ``take`` does."""
        for entry in list(self._entries.values()):
            if entry.delivery.received_s < before_s and not entry.is_busy:
                entry.is_busy = True
                yield entry.delivery, entry.is_kept

    def blocked(self) -> Iterator[Delivery]:
        """Begin with fresh messages behind one of their lead that is stored: store them as well.

        They would hold back what is committed, and take the room of other leads' messages.
        """
        if not self._keeps_order:
            return
        for entry in list(self._entries.values()):
            if entry.is_kept or entry.is_busy:
                continue
            head = self._entries[self._lanes[entry.delivery.lane][0]]
            if head.is_kept and head is not entry:
                entry.is_busy = True
                yield entry.delivery

    def put_back(self, delivery: Delivery) -> None:
        """Let a message wait that was begun with and is stored now."""
        entry = self._entries[delivery.webhook_id]
        if not entry.is_kept:
            self._settle(entry)
        entry.is_busy = False
        self._replace(entry, delivery, is_kept=True)
        self._make_due(entry)

    def remove(self, webhook_id: str) -> None:
        """Drop a message that has arrived or was given up; the next of its lead becomes due."""
        entry = self._entries.pop(webhook_id)
        if not entry.is_kept:
            self._settle(entry)
        self._kept -= entry.is_kept
        self._bytes -= len(entry.delivery.body)
        if not self._keeps_order:
            return
        lane = self._lanes[entry.delivery.lane]
        lane.remove(webhook_id)
        if not lane:
            del self._lanes[entry.delivery.lane]
        elif self._is_restored:
            self._make_due(self._entries[lane[0]])

    def committable(self) -> dict[str, int]:
        """Return the offset that comes next, by topic: all before it is done or stored."""
        return {topic: offsets.committable for topic, offsets in self._offsets.items()}

    def oldest_s(self) -> float | None:
        """Return when the oldest message in it was received, epoch seconds."""
        return min((e.delivery.received_s for e in self._entries.values()), default=None)

    def _add(self, delivery: Delivery, *, is_kept: bool) -> None:
        entry = _Entry(delivery, is_kept)
        self._entries[delivery.webhook_id] = entry
        self._bytes += len(delivery.body)
        self._kept += is_kept
        if self._keeps_order:
            self._lanes.setdefault(delivery.lane, deque()).append(delivery.webhook_id)
        if self._is_restored:
            self._make_due(entry)

    def _replace(self, entry: _Entry, delivery: Delivery, *, is_kept: bool) -> None:
        self._bytes += len(delivery.body) - len(entry.delivery.body)
        self._kept += is_kept - entry.is_kept
        entry.delivery, entry.is_kept = delivery, is_kept

    def _make_due(self, entry: _Entry) -> None:
        delivery = entry.delivery
        if entry.is_busy:
            return
        if self._keeps_order and self._lanes[delivery.lane][0] != delivery.webhook_id:
            return
        heapq.heappush(self._due, (delivery.due_s, delivery.source.offset, delivery.webhook_id))

    def _settle(self, entry: _Entry) -> None:
        source = entry.delivery.source
        self._offsets[source.topic].settle(source.offset)
