"""A partition's states: a pure fold of its log. Same log, same states, same outputs, to the bit."""

import heapq
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from schemas import topics
from stream.lead import decide
from stream.lead.forwarding import Forwarding
from stream.lead.house import House
from stream.lead.log_clock import LogClock
from stream.lead.outputs import Origin, dead_letter, encode_key, epoch_s
from stream.lead.records import Batch, Models, Record
from stream.lead.routing import CLOCK_HEADER, MAX_PARTS, PART_HEADER, SOURCE_HEADER
from stream.lead.scoring import Scorer
from stream.lead.state import LeadState, StateFormatError

META_KEY = b"\x00partition"
"""Key of the changelog record that holds what belongs to the partition and to no lead."""
META_VERSION = 1

NEVER_TOO_LATE = frozenset({"erasure", "consent"})
"""What a person has a right to counts whenever it arrives."""


class Partition:
    """The states of the leads of one partition of ``lead-events``.

    Parameters
    ----------
    house
        The rules of the house.
    models
        Finds the model versions that the log names.
    changelog
        Key and value of each record of the partition's changelog, the last per key; none
        for a partition that starts.

    Raises
    ------
    StateFormatError
        If a changelog record cannot be read; it names the lead.
    """

    def __init__(
        self, house: House, models: Models, changelog: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        self.house = house
        self._models = models
        self.leads: dict[str, LeadState] = {}
        self.next_offset = 0
        self.sources: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        self.batch = Batch()
        self._clock = LogClock()
        self._timers: list[tuple[float, str]] = []
        self._forwarding = Forwarding(self)
        for key, value in changelog:
            self._restore(key, value)

    def apply(self, record: Record) -> None:
        """Fold one record of the log into the states; what goes out is added to ``batch``."""
        offset = record.offset
        headers = dict(record.headers)
        origin = self.origin(headers, record)
        if origin is not None and self._has_seen(origin, headers):
            self.batch.events["", "repeated"] += 1
            self.next_offset = offset + 1
            return
        event = orjson.loads(record.value or b"{}")
        kind = event["type"]
        replayed = headers.get(CLOCK_HEADER) == b"event"
        if kind == "tick":
            self._clock.advance(event["now_s"])
            self._fire_timers(offset)
        elif kind == "use_model":
            self.versions[event["model"]] = event["version"]
        else:
            address = (record.key or b"").decode("utf-8", "surrogatepass")
            path: tuple[str, ...] = ()
            # What follows from an event says nothing of the time that the event has not said.
            is_witness = kind not in {"link", "lead_moved", "forwarded"}
            if kind == "forwarded":
                event, path = event["event"], tuple(event["path"])
                kind = event["type"]
            at_s = epoch_s(event["occurred_at"])
            if not replayed:
                self._clock.advance(record.timestamp / 1000.0)
            elif is_witness:
                self._clock.witness(at_s)
            self._fire_timers(offset)
            if kind == "lead_moved":
                self._forwarding.arrive(address, event, at_s, offset)
            elif at_s < self.now_s - self.house.late_grace_s and kind not in NEVER_TOO_LATE:
                self._refuse_late(record, origin, kind, event)
            else:
                self._event(address, event, at_s, offset, path, record)
        self.next_offset = offset + 1

    def take(self) -> Batch:
        """Return what has accumulated since the last call."""
        batch, self.batch = self.batch, Batch()
        return batch

    def changelog(self, batch: Batch) -> Iterable[tuple[bytes, bytes | None]]:
        """Yield the changelog records of a batch: each touched lead once, then the partition."""
        for address in batch.touched:
            state = self.leads.get(address)
            value = None if state is None else orjson.dumps(state.to_json())
            yield encode_key(address), value
        yield META_KEY, orjson.dumps(self.meta())

    def meta(self) -> dict[str, Any]:
        """Return what belongs to the partition and to no lead, as plain JSON."""
        return {
            "v": META_VERSION,
            "now_s": self.now_s,
            "next_offset": self.next_offset,
            "sources": self.sources,
            "versions": self.versions,
            "recent_s": self._clock.recent_s,
        }

    @property
    def now_s(self) -> float:
        """The log's time, epoch seconds."""
        return self._clock.now_s

    def scorer(self) -> Scorer | None:
        """Return the model version that the log says is in use."""
        version = self.versions.get("p_convert")
        return None if version is None else self._models.scorer("p_convert", version)

    def touch(self, state: LeadState, offset: int) -> None:
        """Mark a state as changed by a record, and set its next timer."""
        state.offset = offset
        self.leads[state.lead_id] = state
        self.batch.touched[state.lead_id] = None
        due_s = decide.next_due_s(state, self.house)
        if due_s is not None and due_s != state.next_due_s:
            heapq.heappush(self._timers, (due_s, state.lead_id))
        state.next_due_s = due_s

    def carry_out(self, address: str, kind: str, decision: decide.Decision) -> None:
        """Take over a decision's outputs and counts."""
        batch = self.batch
        batch.outputs += decision.outputs
        batch.events[kind, decision.outcome] += 1
        for verdict in decision.verdicts:
            if verdict.suppressed is not None:
                batch.suppressed[verdict.rule, verdict.suppressed] += 1
        batch.machines.update(decision.machines)
        if decision.p_convert is not None:
            batch.scored.append((address, decision.p_convert))

    def _event(
        self,
        address: str,
        event: Mapping[str, Any],
        at_s: float,
        offset: int,
        path: tuple[str, ...],
        record: Record,
    ) -> None:
        kind = event["type"]
        state = self.leads.get(address)
        if state is not None and state.offset >= offset:
            self.batch.events[kind, "repeated"] += 1
            return
        if kind == "erasure":
            self._forwarding.erase(address, state, event, path, offset, record)
            return
        if state is not None and self._forwarding.settles_here(state, path):
            state = None
        if kind in {"link", "lead_merge"}:
            self._forwarding.depart(address, state, event, at_s, offset, path, record)
            return
        if state is not None and state.forward_to is not None:
            self._forwarding.pass_on(state, event, path, offset, record)
            return
        if state is None:
            state = LeadState.new(address, at_s)
        overflows = state.overflows
        decision = decide.decide_event(state, event, at_s, self.now_s, self.scorer(), self.house)
        self.batch.overflows += state.overflows - overflows
        self.touch(state, offset)
        self.carry_out(address, kind, decision)

    def _fire_timers(self, offset: int) -> None:
        ahead: list[tuple[float, str]] = []
        while self._timers and self._timers[0][0] <= self.now_s:
            due_s, address = heapq.heappop(self._timers)
            state = self.leads.get(address)
            if state is None or state.next_due_s != due_s or state.offset >= offset:
                if state is not None and state.next_due_s == due_s:
                    ahead.append((due_s, address))  # this record is replayed, its timer is not
                continue
            state.next_due_s = None
            decision = decide.decide_timers(state, self.now_s, self.scorer(), self.house)
            # A record that also carries an event for this lead comes after its timers.
            self.touch(state, offset - 1)
            self.carry_out(address, "timer", decision)
        for timer in ahead:
            heapq.heappush(self._timers, timer)

    def _has_seen(self, origin: Origin, headers: Mapping[str, bytes]) -> bool:
        """Tell a repeat of route's after a crash: its sources come in order, each once."""
        source = f"{origin.topic}/{origin.partition}"
        # One input record can become several of the log, told apart by their part.
        position = origin.offset * MAX_PARTS + int(headers.get(PART_HEADER, b"0"))
        last = self.sources.get(source, -1)
        self.sources[source] = max(last, position)
        return position <= last

    def _refuse_late(
        self, record: Record, origin: Origin | None, kind: str, event: Mapping[str, Any]
    ) -> None:
        self.batch.events[kind, "too_late"] += 1
        if kind == "link":
            return  # the event that it came with is refused on its own, whole
        self.batch.outputs.append(
            dead_letter(
                origin or Origin(topics.LEAD_EVENTS.name, -1, record.offset, self.now_s),
                record.key,
                record.value or b"",
                stage="score",
                reason="too_late",
                field="occurred_at",
                message=f"occurred_at {event['occurred_at']} is more than "
                f"{self.house.late_grace_s:g} s late; raise the grace or send sooner",
            )
        )

    @staticmethod
    def origin(headers: Mapping[str, bytes], record: Record) -> Origin | None:
        """Return where a record of the log came from; None for a control record."""
        source = headers.get(SOURCE_HEADER)
        if source is None:
            return None
        topic, partition, offset = source.decode().rsplit("/", 2)
        return Origin(topic, int(partition), int(offset), record.timestamp / 1000.0)

    def _restore(self, key: bytes, value: bytes) -> None:
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise StateFormatError(
                f"changelog record {key!r} is no JSON ({error}); run `leadstream state repair`"
            ) from None
        if key == META_KEY:
            self._restore_meta(document)
            return
        state = LeadState.from_json(document)
        self.leads[state.lead_id] = state
        if state.next_due_s is not None:
            heapq.heappush(self._timers, (state.next_due_s, state.lead_id))

    def _restore_meta(self, document: dict[str, Any]) -> None:
        if document.get("v") != META_VERSION:
            raise StateFormatError(
                f"the partition's own record is of schema {document.get('v')!r}, this leadstream "
                f"reads {META_VERSION}; run `leadstream state migrate`"
            )
        self._clock = LogClock(document["now_s"], document["recent_s"])
        self.next_offset = document["next_offset"]
        self.sources = document["sources"]
        self.versions = document["versions"]
