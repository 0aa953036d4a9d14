"""route and score over partitions in memory, with a clock and deliveries that tests turn."""

from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import orjson

from schemas import topics
from stream.event_files import TOPIC_OF_TYPE
from stream.lead.house import House
from stream.lead.outputs import Origin, Output
from stream.lead.partition import Partition
from stream.lead.point_rules import parse_point_rules
from stream.lead.progress import META_KEY
from stream.lead.routing import Router
from stream.lead.state import LeadState
from stream.lead.text_reading import ReadsTexts
from stream.models import SnapshotStore
from stream.offline import LogEntry

START_S = 1_770_000_000.0
DAY_S = 86_400.0
EMAIL_KEY = b"a key for tests"

RULES = parse_point_rules("""
[[rule]]
name = "pricing_page"
points = 20
event = "page_view"
where.url.contains = "/pricing"
max_points = 40
half_life_s = 86_400

[[rule]]
name = "demo_request"
points = 60
event = "form_fill"
where.form_kind.equals = "demo_request"

[[rule]]
name = "company_size"
points = 10
attribute = "company_size"
is.at_least = 50

[[rule]]
name = "unsubscribed"
points = -25
event = "email_unsubscribe"
""")
HOUSE = House(points=RULES)

_FIELDS: dict[str, dict[str, Any]] = {
    "page_view": {"url": "https://example.com/pricing"},
    "form_fill": {"form_id": "f", "form_kind": "demo_request"},
    "activity": {"name": "call"},
    "lead_profile": {"attributes": {}},
    "outcome": {"result": "won"},
}


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def event(kind: str, event_id: str, after_s: float = 0.0, **fields: Any) -> dict[str, Any]:
    """Return an event that occurred some seconds after the start."""
    return {
        "type": kind,
        "event_id": event_id,
        "occurred_at": iso(START_S + after_s),
        **_FIELDS.get(kind, {}),
        **fields,
    }


class LeadStream:
    """Partitions that send each other forwards through a router, by hand where wanted."""

    def __init__(
        self,
        partitions: int = 1,
        house: House = HOUSE,
        *,
        replayed: bool = False,
        reader: ReadsTexts | None = None,
    ) -> None:
        self.house = house
        self.store = SnapshotStore()
        self.partitions = [Partition(house, self.store) for _ in range(partitions)]
        self.logs: list[list[LogEntry]] = [[] for _ in range(partitions)]
        self.changelogs: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self.forwards: deque[Output] = deque()
        self.outputs: list[Output] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.suppressed: Counter[tuple[str, str]] = Counter()
        self.overflows = 0
        self.now_s = START_S
        self._router = Router(EMAIL_KEY, house.sealer, replayed=replayed, reader=reader)
        self._arrived: Counter[str] = Counter()

    def send(self, *events: dict[str, Any] | bytes, deliver: bool = True) -> None:
        """Let events arrive now: the clock moves on to their time, and never back."""
        for one in events:
            value = one if isinstance(one, bytes) else orjson.dumps(one)
            body = orjson.loads(value)
            occurred_s = datetime.fromisoformat(body["occurred_at"]).timestamp()
            self.now_s = max(self.now_s, occurred_s)
            self._route(TOPIC_OF_TYPE[body["type"]], None, value)
            if deliver:
                self.deliver()

    def deliver(self, most: int = 200) -> None:
        """Let the forwards that are on their way arrive, and those that they lead to."""
        while self.forwards:
            most -= 1
            assert most >= 0, "forwards without end"
            forward = self.forwards.popleft()
            self._route(forward.topic, forward.key, forward.value)

    def tick(self, after_s: float) -> None:
        """Say in each log that it is some seconds after the start."""
        self.now_s = max(self.now_s, START_S + after_s)
        for number in range(len(self.partitions)):
            self.append(number, None, orjson.dumps({"type": "tick", "now_s": self.now_s}), [])

    def append(
        self, number: int, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> LogEntry:
        log = self.logs[number]
        entry = LogEntry(len(log), int(self.now_s * 1000), key, value, headers)
        log.append(entry)
        self.apply(number, entry)
        return entry

    def apply(self, number: int, entry: LogEntry) -> None:
        partition = self.partitions[number]
        partition.apply(entry)
        batch = partition.take()
        self.counts += batch.events
        self.suppressed += batch.suppressed
        self.overflows += batch.overflows
        for key, value in partition.changelog(batch):
            if value is None:
                self.changelogs[number].pop(key, None)
            else:
                self.changelogs[number][key] = value
        for output in batch.outputs:
            self.outputs.append(output)
            if output.topic == topics.LEAD_FORWARDS.name:
                self.forwards.append(output)

    def restart(self, number: int = 0) -> None:
        """Forget a partition's states and read them from its changelog."""
        changelog = self.changelogs[number].items()
        self.partitions[number] = Partition(self.house, self.store, changelog)

    def owner(self, address: str) -> int:
        return crc32(address.encode()) % len(self.partitions)

    def state(self, address: str) -> LeadState | None:
        return self.partitions[self.owner(address)].leads.get(address)

    def lead(self, address: str) -> LeadState:
        state = self.state(address)
        assert state is not None
        assert state.forward_to is None
        return state

    def states(self) -> list[dict[bytes, bytes]]:
        """Return all states as the changelog would have them, with what is no lead's."""
        return [
            {a.encode(): orjson.dumps(s.to_json()) for a, s in p.leads.items()}
            | p.erased.records()
            | {META_KEY: orjson.dumps(p.progress.to_json())}
            for p in self.partitions
        ]

    def bodies(self, topic: topics.Topic) -> list[dict[str, Any]]:
        return [orjson.loads(o.value or b"") for o in self.outputs if o.topic == topic.name]

    def _route(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        origin = Origin(topic, 0, self._arrived[topic], self.now_s)
        self._arrived[topic] += 1
        for output in self._router.route(key, value, origin).outputs:
            if output.topic == topics.LEAD_EVENTS.name:
                number = self.owner(output.key.decode())
                self.append(number, output.key, output.value or b"", output.headers)
            else:
                self.counts["", "refused"] += 1
                self.outputs.append(output)
